// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "common/printable.h"

int utf8_length(const char *text)
{
	static const unsigned int smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *byte = (const unsigned char *)text;
	unsigned int code;
	int length, i;

	if (byte[0] < 0x80)
		return 1;
	else if (byte[0] >> 5 == 0x6)
		length = 2, code = byte[0] & 0x1f;
	else if (byte[0] >> 4 == 0xe)
		length = 3, code = byte[0] & 0x0f;
	else if (byte[0] >> 3 == 0x1e)
		length = 4, code = byte[0] & 0x07;
	else
		return 0;
	for (i = 1; i < length; i++) {
		if (byte[i] >> 6 != 0x2)	/* the terminating NUL included */
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

/* U+0080 to U+009F: control characters as much as those of ASCII are. */
static int is_c1(const char *text)
{
	return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0;
}

void make_printable(char *text)
{
	char *out = text;
	int length;

	while (*text) {
		length = utf8_length(text);
		if (!length || (unsigned char)*text < 0x20 || *text == 0x7f || is_c1(text)) {
			*out++ = '?';
			text += length ? length : 1;
		} else {
			memmove(out, text, length);
			out += length;
			text += length;
		}
	}
	*out = '\0';
}
