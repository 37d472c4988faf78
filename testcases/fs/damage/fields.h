/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of one field: what the files that know a structure share. */
#ifndef FIELDS_H
#define FIELDS_H

#include "damage.h"

/* What holds for every value of a field that is not its old one. */
enum rule { FIXED, FREE, JUDGED };

struct field {
	const char *name;
	unsigned int offset;
	unsigned int width;	/* bytes; more than 8: any one byte of so many */
	enum rule rule;
};

#define FIELD(type, member, rule) \
	{ #member, offsetof(struct type, member), sizeof(((struct type *)NULL)->member), rule }

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* values.c: fill in a change. First which bytes, and what breaks if they change; */
/* @offset: of the structure in its block */
void set_field(struct change *c, const struct field *field, unsigned int offset);
void set_bytes(struct change *c, const char *name, unsigned int offset, unsigned int width,
	       enum expect expect);
/* One in eight changes of a block with a header is in that. */
bool change_header(struct change *c);
/* then what is there, c->old, and c->new, which is something else. */
void choose_value(const struct image *image, struct change *c);

/* Each chooses a field of the target's structure, its new value, and what that breaks. */
void change_super(const struct image *image, struct change *c);
void change_bitmap(const struct image *image, struct change *c);
void change_log_super(const struct image *image, struct change *c);
void change_inode(const struct image *image, struct change *c);
void change_orphan(const struct image *image, struct change *c);
void change_symlink(const struct image *image, struct change *c);
void change_xattr(const struct image *image, struct change *c);
void change_extent(const struct image *image, struct change *c);
void change_directory(const struct image *image, struct change *c);

#endif
