/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Included before every source of the fuzz target: fsck.refdax as a function, which ends by returning. */
#include <stdlib.h>
#include <unistd.h>
void __attribute__((noreturn)) fuzz_exit(int status);
ssize_t fuzz_pwrite(int fd, const void *data, size_t size, off_t offset);
int fsck_main(int argc, char **argv);
#define main fsck_main
#define exit fuzz_exit
#define pwrite fuzz_pwrite
