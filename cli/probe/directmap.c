// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * /proc/kcore is an ELF core file whose program headers give the virtual and
 * the physical address of each piece of the direct map: a few hundred bytes,
 * where looking page_offset_base up means reading all of /proc/kallsyms.
 */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "probe/directmap.h"

#define MAX_HEADERS	512
/* Segments of vmalloc and the like have no one physical address. */
#define NO_ADDRESS	(~0ULL)
/* page_offset_base is aligned to what one entry of the third level maps. */
#define ALIGNMENT	(1ULL << 30)
/* The kernel's text is mapped a second time, from here on (x86: __START_KERNEL_map). */
#define TEXT_MAPPING	0xffffffff80000000ULL

bool direct_map__base(__u64 *base)
{
	int file = open("/proc/kcore", O_RDONLY | O_CLOEXEC), i;
	Elf64_Phdr header;
	Elf64_Ehdr elf;
	bool found = false;

	if (file < 0)
		return false;
	if (pread(file, &elf, sizeof(elf), 0) != sizeof(elf) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf.e_phentsize != sizeof(header))
		goto out;
	for (i = 0; i < elf.e_phnum && i < MAX_HEADERS && !found; i++) {
		if (pread(file, &header, sizeof(header), elf.e_phoff + i * sizeof(header)) !=
		    sizeof(header))
			break;
		if (header.p_type != PT_LOAD || header.p_paddr == NO_ADDRESS ||
		    header.p_vaddr >= TEXT_MAPPING || header.p_vaddr < header.p_paddr)
			continue;
		*base = header.p_vaddr - header.p_paddr;
		found = !(*base % ALIGNMENT);
	}
out:
	close(file);
	return found;
}
