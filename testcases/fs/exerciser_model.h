/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The exerciser's model: what the file must hold, what the next operation is about, and
 * what is said when the file is not as it should be.
 */
#ifndef TESTCASES_FS_EXERCISER_MODEL_H
#define TESTCASES_FS_EXERCISER_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE		4096
#define MAX_BYTES	65536

/* What a filesystem could do wrong, and this program has to notice. */
enum wrong {
	WRONG_BYTE,		/* a byte of a write is another */
	WRONG_LOST,		/* the last page of a write is as it was */
	WRONG_SHIFT,		/* a write of data that belong 8 bytes further */
	WRONG_STALE,		/* a write of what an earlier operation would have written */
	WRONG_SIZE,		/* the file is a byte longer than it was made */
	WRONG_PUNCH,		/* a hole that was not punched */
	WRONG_NOTHING,
};

extern const char *const wrong_names[];

extern const char *path;	/* of the file */
extern uint8_t *model;		/* @limit bytes; those behind @size are zero */
extern off_t limit;		/* the file grows up to there */
extern off_t size;		/* of the file, in bytes */
extern uint64_t seed;
extern unsigned long number;	/* of the operation */
extern enum wrong wrong;

/* The model is all zero, and the random numbers begin: @seed and @limit are set. */
void begin_model(void);

/* A random number from 0 to @n - 1 */
off_t below(off_t n);

/* What this operation is, should anything be wrong with it or one of the next. */
__attribute__((format(printf, 1, 2)))
void note(const char *fmt, ...);

/* The file is not as it should be: says so, with the last operations. */
__attribute__((format(printf, 1, 2), noreturn))
void fail(const char *fmt, ...);

/* The machine does not do what this program needs; errno says why. */
__attribute__((noreturn))
void cannot(const char *what);

/* @got, read from @offset on, against the model. */
void compare(const char *how, const uint8_t *got, off_t offset, off_t length);

/* Whether to do that wrong, this time */
bool goes_wrong(enum wrong what);

/* What nobody has written before, for @length bytes at @offset of the file */
void fill(uint8_t *to, off_t offset, off_t length);

/* The file is @new bytes long now. */
void set_size(off_t new);

/*
 * A range that begins inside what the file may become, at a multiple of @align. Most are
 * short, since what goes wrong goes wrong at edges: half of the shortest touch or cross
 * that of a page.
 */
void pick(off_t *offset, off_t *length, unsigned int align);

/* The same inside the file; false if there is nothing. */
bool pick_inside(off_t *offset, off_t *length);

/* The model goes to the file @to. */
void write_model(const char *to);

#endif
