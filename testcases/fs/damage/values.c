// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which value a field gets. */
#include <string.h>

#include "fields.h"

static uint64_t state;

void random_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15 + 0x2545f4914f6cdd1d;
	random_below(2);
}

/* xorshift64* (Vigna, 2014) */
uint64_t random_below(uint64_t bound)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1d >> 16) % bound;
}

static const struct field header_fields[] = {
	FIELD(refdax_header, h_magic, FIXED), FIELD(refdax_header, h_block, FIXED),
	FIELD(refdax_header, h_owner, FIXED), FIELD(refdax_header, h_generation, FIXED),
	FIELD(refdax_header, h_reserved, FIXED),
};

static uint64_t read_le(const uint8_t *p, unsigned int width)
{
	uint64_t value = 0;

	memcpy(&value, p, width);
	return le64toh(value);
}

/* Something that is likely to mean something: a number of this filesystem, or an extreme. */
static uint64_t interesting(const struct image *image, uint64_t old, unsigned int width)
{
	static const uint64_t extremes[] = {
		0, 1, 2, 3, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 1ULL << 62,
		INT64_MAX, UINT64_MAX,
	};

	switch (random_below(8)) {
	case 0:
		return extremes[random_below(COUNT(extremes))];
	case 1:
		return image->target[random_below(image->targets)].block;
	case 2:
		return random_below(image->geometry.inodes_per_group);
	case 3:
		return random_below(image->geometry.blocks + 8);
	case 4:
		return old + random_below(9) - 4;
	default:
		return old ^ 1ULL << random_below(width * 8);
	}
}

void choose_value(const struct image *image, struct change *c)
{
	uint64_t mask = c->width == 8 ? UINT64_MAX : (1ULL << c->width * 8) - 1;
	const uint8_t *p = (uint8_t *)image_block(image, c->block) + c->offset;

	c->old = read_le(p, c->width);
	do
		c->new = interesting(image, c->old, c->width) & mask;
	while (c->new == c->old);
}

void set_field(struct change *c, const struct field *field, unsigned int offset)
{
	c->field = field->name;
	c->offset = offset + field->offset;
	c->width = field->width;
	if (c->width > 8) {
		c->offset += random_below(c->width);
		c->width = 1;
	}
	c->expect = field->rule == FREE ? MEANINGLESS : DETECTED;
}

void set_bytes(struct change *c, const char *name, unsigned int offset, unsigned int width,
	       enum expect expect)
{
	c->field = name;
	c->offset = offset;
	c->width = width;
	c->expect = expect;
}

bool change_header(struct change *c)
{
	if (c->target.in_inode || random_below(8))
		return false;
	set_field(c, &header_fields[random_below(COUNT(header_fields))], 0);
	return true;
}
