# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# daxtrace: `make help` lists what there is to make.

VERSION := 0.1.0

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:

O ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/daxtrace
DESTDIR ?=

CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
CLANG ?= $(firstword $(foreach c,clang-16 clang-17 clang-18 clang-19 clang,$(if $(shell command -v $(c)),$(c))) clang-16)
BPFTOOL ?= $(firstword $(shell command -v bpftool || ls /usr/sbin/bpftool 2>/dev/null) bpftool)
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror

# The kernel that refdax is built for: KDIR names a build tree, else KERNEL a
# series that testcases/vm/kernel prepares.
KERNEL ?= 6.1
KDIR ?=
# LAB=0 builds it without the historic bugs and the gates.
LAB ?= 1

# V=1 shows the commands.
V ?= 0
Q := $(if $(filter-out 0,$(V)),,@)
msg = @printf '  %-8s %s\n' "$(1)" "$(2)"

.PHONY: all bpf cli fs tools check demo bench lint install uninstall clean help features setup
all: features cli bpf tools fs

help:
	@echo 'Usage: make [TARGET]... [V=1] [O=FOLDER] [KDIR=TREE | KERNEL=SERIES]'
	@echo
	@echo '  demo        install what is missing (as root), then show the main job in QEMU'
	@echo '  check       the tests: on the host, then in QEMU on three kernels'
	@echo '  check-long  the same, every load at full length: hours'
	@echo '  all         cli, bpf, the tools of refdax and its module (the default)'
	@echo '  cli         $(O)/daxtrace'
	@echo '  bpf         the BPF object that it carries'
	@echo '  fs          refdax.ko for KDIR, or for the Debian kernel KERNEL ($(KERNEL))'
	@echo '  tools       mkfs.refdax, fsck.refdax and refdax-debug'
	@echo '  bench       measure what tracing costs, in instructions'
	@echo '  verifier    how many instructions the verifier processes for each program, on each kernel'
	@echo '  lint        static checks'
	@echo '  unit        the tests on the host alone'
	@echo '  fuzz        fuzz the trace reader'
	@echo '  vmlinux.h   make it again, from VMLINUX or the kernel 6.1 that the tests use'
	@echo '  setup       install the Debian packages that all this needs (as root)'
	@echo '  install     into DESTDIR, PREFIX ($(PREFIX))'
	@echo '  clean       remove what was built, not the kernels that were fetched'

# What the build found; first, so that a failure below has its explanation above.
have = $(if $(shell command -v $(1) 2>/dev/null),$(2)yes,no: $(3))
features:
	@echo 'daxtrace $(VERSION)'
	@printf '  %-12s %s\n' compiler '$(shell $(CC) -dumpversion 2>/dev/null | sed "s/^/$(CC) /" || echo "no: install gcc")'
	@printf '  %-12s %s\n' clang '$(call have,$(CLANG),$(CLANG) ,install clang-16; BPF programs cannot be built)'
	@printf '  %-12s %s\n' bpftool '$(call have,$(BPFTOOL),,install bpftool; BPF programs cannot be linked)'
	@printf '  %-12s %s\n' pahole '$(call have,pahole,,install dwarves; refdax will have no BTF)'
	@printf '  %-12s %s\n' bcc '$(if $(wildcard /usr/include/bcc/bcc_syms.h),yes,no: install libbpfcc-dev; user stacks will have no functions)'
	@printf '  %-12s %s\n' qemu '$(call have,qemu-system-x86_64,,install qemu-system-x86; no demo, no tests in a kernel)'
	@printf '  %-12s %s\n' 'built in' '$(O)'

setup:
	@testcases/setup

# --- bpf ------------------------------------------------------------------

# task.bpf.c defines the maps: libbpf 1.1 links externs to what came before only.
BPF_SOURCES := bpf/task.bpf.c $(filter-out bpf/task.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJECTS := $(BPF_SOURCES:bpf/%.bpf.c=$(O)/bpf/%.bpf.o)
BPF_ARCH := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(shell uname -m)))
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -I. $(WARN) -Wno-unused-parameter

bpf: $(O)/bpf/daxtrace.bpf.o

$(O)/bpf/%.bpf.o: bpf/%.bpf.c bpf/daxtrace.bpf.h $(wildcard bpf/*.bpf.h) bpf/events.h bpf/buffer.h bpf/perturb.h vmlinux.h
	@mkdir -p $(@D)
	$(call msg,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(O)/bpf/daxtrace.bpf.o: $(BPF_OBJECTS) Makefile
	$(call msg,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $(BPF_OBJECTS)

$(O)/daxtrace.skel.h: $(O)/bpf/daxtrace.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name daxtrace > $@

# The kernel types that bpf/ reads.  Made on request only.
ifneq ($(filter vmlinux.h,$(MAKECMDGOALS)),)
.PHONY: vmlinux.h
vmlinux.h:
	@mkdir -p $(O)
	$(call msg,GEN,$@)
	$(Q)testcases/vmlinux-h $(VMLINUX) > $(O)/vmlinux.h.new
	$(Q)mv $(O)/vmlinux.h.new $@
endif

# --- cli ------------------------------------------------------------------

CLI_SOURCES := $(sort $(wildcard cli/*/*.c))
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(O)/%.o)
CLI_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DDAXTRACE_VERSION='"$(VERSION)"' -DDAXTRACE_RANKS_DIR='"$(DATADIR)/ranks"' -I. -Icli -I$(O) $(WARN) -Wmissing-prototypes
# Functions of user stacks are named by the library of BCC, if that is there when they
# are asked for; only its headers are needed here.
BCC := $(wildcard /usr/include/bcc/bcc_syms.h)
CLI_CFLAGS += $(if $(BCC),-DDAXTRACE_BCC)
CLI_LIBS := -lbpf -lelf -lz -lzstd -lm -pthread

cli: $(O)/daxtrace

$(O)/cli/%.o: cli/%.c Makefile
	@mkdir -p $(@D)
	$(call msg,CC,$<)
	$(Q)$(CC) $(CFLAGS) $(CLI_CFLAGS) -MMD -MP -c $< -o $@

$(O)/cli/probe/probe.o: $(O)/daxtrace.skel.h

$(O)/daxtrace: $(CLI_OBJECTS)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CLI_LIBS)

-include $(CLI_OBJECTS:.o=.d)

# --- fs -------------------------------------------------------------------

tools:
	$(Q)$(MAKE) -C fs tools O=$(abspath $(O))/fs V=$(V)

fs: tools
	$(Q)testcases/build-fs $(if $(KDIR),--kdir $(KDIR),$(KERNEL)) O=$(abspath $(O)) V=$(V) LAB=$(LAB)

# --- tests ----------------------------------------------------------------

include testcases/unit/build.mk
include testcases/build.mk

lint:
	$(Q)testcases/lint

demo: setup
	$(Q)testcases/demo

# --- install --------------------------------------------------------------

MAN_PAGES := $(sort $(wildcard man/*.[1-9]))

install: cli tools
	install -D -m 755 $(O)/daxtrace $(DESTDIR)$(BINDIR)/daxtrace
	install -D -m 755 $(O)/fs/mkfs.refdax $(DESTDIR)$(SBINDIR)/mkfs.refdax
	install -D -m 755 $(O)/fs/fsck.refdax $(DESTDIR)$(SBINDIR)/fsck.refdax
	$(foreach ranks,$(wildcard cli/order/ranks/*.ranks),install -D -m 644 $(ranks) $(DESTDIR)$(DATADIR)/ranks/$(notdir $(ranks));)
	install -D -m 755 $(O)/fs/refdax-debug $(DESTDIR)$(SBINDIR)/refdax-debug
	$(foreach page,$(MAN_PAGES),install -D -m 644 $(page) $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page));)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/daxtrace $(DESTDIR)$(SBINDIR)/mkfs.refdax $(DESTDIR)$(SBINDIR)/fsck.refdax $(DESTDIR)$(SBINDIR)/refdax-debug
	rm -rf $(DESTDIR)$(DATADIR)
	$(foreach page,$(MAN_PAGES),rm -f $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page));)

clean:
	rm -rf $(O)/bpf $(O)/cli $(O)/fs $(O)/unit $(O)/tests $(O)/daxtrace $(O)/daxtrace.skel.h
