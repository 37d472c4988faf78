/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bpf/code.bpf.c and its users in cli/probe share: one binary, no ABI. */
#ifndef DAXTRACE_CODE_H
#define DAXTRACE_CODE_H

#define CODE_NAME	64
#define CODE_BYTES	2048

struct kernel_code {
	/* Asked for */
	char function[CODE_NAME];
	char callee[CODE_NAME];
	/* The answer */
	__u64 address;
	__u64 callee_address;
	__u64 length;			/* 0; user space reads it from place */
	char place[2 * CODE_NAME];	/* "function+0x0/0xlength" */
	unsigned char bytes[CODE_BYTES];	/* from address on, also beyond the function's end */
};

struct kernel_name {
	__u64 address;		/* asked for */
	char text[256];		/* "symbol+0xoffset/0xsize [module]", or the address if it has none */
};

#endif /* DAXTRACE_CODE_H */
