# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What runs in a guest, and the targets that run it.  Included by the top-level
# Makefile from the repository root.

WORKLOADS := drop_dirty smoke bench
WORKLOAD_SOURCE_drop_dirty := testcases/races/drop_dirty/workload.c
WORKLOAD_SOURCE_smoke := testcases/smoke/workload.c
WORKLOAD_SOURCE_bench := testcases/bench/workload.c
WORKLOADS += fs_stress
WORKLOAD_SOURCE_fs_stress := testcases/fs/stress.c
WORKLOADS += fs_huge
WORKLOAD_SOURCE_fs_huge := testcases/fs/huge.c
WORKLOADS += fs_corrupt
WORKLOAD_SOURCE_fs_corrupt := testcases/fs/corrupt.c
WORKLOADS += fs_many
WORKLOAD_SOURCE_fs_many := testcases/fs/many.c
WORKLOADS += fs_durable
WORKLOAD_SOURCE_fs_durable := testcases/fs/durable.c
WORKLOADS += fs_control
WORKLOAD_SOURCE_fs_control := testcases/fs/control.c
WORKLOADS += fs_shift
WORKLOAD_SOURCE_fs_shift := testcases/fs/shift.c
WORKLOADS += fs_xattr
WORKLOAD_SOURCE_fs_xattr := testcases/fs/xattr.c
WORKLOADS += fs_exerciser
WORKLOAD_SOURCE_fs_exerciser := testcases/fs/exerciser.c testcases/fs/exerciser_model.c
$(O)/tests/fs_exerciser: testcases/fs/exerciser_model.h
WORKLOADS += fs_modes
WORKLOAD_SOURCE_fs_modes := testcases/fs/modes.c
WORKLOADS += actor
WORKLOAD_SOURCE_actor := testcases/races/actor.c
WORKLOADS += stress
WORKLOAD_SOURCE_stress := testcases/stress/workload.c
WORKLOADS += promises
WORKLOAD_SOURCE_promises := testcases/oracle/promises.c
WORKLOADS += compile
WORKLOAD_SOURCE_compile := testcases/clean/compile.c
WORKLOADS += perturb_stress
WORKLOAD_SOURCE_perturb_stress := testcases/perturb/workload.c
WORKLOADS += perturb_expect
WORKLOAD_SOURCE_perturb_expect := testcases/perturb/expect.c
$(O)/tests/perturb_expect: bpf/perturb.h
WORKLOAD_PROGRAMS := $(WORKLOADS:%=$(O)/tests/%)

# Damages images and checks what fsck.refdax makes of that.
FS_DAMAGE := $(O)/tests/fs_damage
FS_DAMAGE_SOURCES := $(wildcard testcases/fs/damage/*.c) fs/tools/common.c

# Reads the trace of the stress and knows what must be in it.
STRESS_ORDER := $(O)/tests/stress_order
STRESS_ORDER_SOURCES := testcases/stress/order.c $(wildcard cli/trace/*.c)

.PHONY: workloads
workloads: $(WORKLOAD_PROGRAMS) $(FS_DAMAGE) $(STRESS_ORDER)

$(STRESS_ORDER): $(STRESS_ORDER_SOURCES) $(wildcard cli/trace/*.h) testcases/stress/stress.h bpf/events.h
	@mkdir -p $(@D)
	$(call msg,CC,$@)
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -D_GNU_SOURCE $(WARN) -I. -Icli -o $@ $(STRESS_ORDER_SOURCES) -lzstd -lz

$(FS_DAMAGE): $(FS_DAMAGE_SOURCES) $(wildcard testcases/fs/damage/*.h) fs/refdax_fs.h fs/tools/common.h
	@mkdir -p $(@D)
	$(call msg,CC,$@)
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -D_GNU_SOURCE $(WARN) -o $@ $(FS_DAMAGE_SOURCES)

# Fuzzes fsck.refdax, for FUZZ_SECONDS.
FSCK_FUZZ_SOURCES := testcases/fs/fuzz_fsck.c testcases/fs/damage/scan.c fs/tools/build.c \
	fs/tools/common.c $(wildcard fs/tools/fsck*.c)
.PHONY: fuzz-fsck
fuzz-fsck: tools workloads
	@mkdir -p $(O)/tests/fuzz-fsck/corpus
	$(call msg,CC,fuzz-fsck)
	$(Q)$(CLANG) -g -O2 -std=gnu11 -D_GNU_SOURCE $(WARN) -Wno-macro-redefined -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all \
		-include testcases/fs/fuzz_fsck.h -Ifs -o $(O)/tests/fuzz-fsck/fuzz $(FSCK_FUZZ_SOURCES)
	$(Q)rm -rf $(O)/tests/fuzz-fsck/folder $(O)/tests/fuzz-fsck/image
	$(Q)testcases/fs/image $(O)/fs/mkfs.refdax $(abspath $(O))/tests/fuzz-fsck/folder $(abspath $(O))/tests/fuzz-fsck/image
	$(Q)$(FS_DAMAGE) --prepare $(O)/tests/fuzz-fsck/image
	$(Q)cd $(O)/tests/fuzz-fsck && FSCK_FUZZ_IMAGE=image ./fuzz -close_fd_mask=3 -detect_leaks=0 \
		-max_len=104 -len_control=0 -rss_limit_mb=0 -max_total_time=$(or $(FUZZ_SECONDS),300) corpus

# fsck.refdax and its relatives with AddressSanitizer and UndefinedBehaviorSanitizer
.PHONY: tools-sanitized
tools-sanitized:
	$(Q)$(MAKE) -C fs tools O=$(abspath $(O))/fs/sanitized V=$(V) \
		CFLAGS='-O1 -fsanitize=address,undefined -fno-sanitize-recover=all'

define workload_program
$(O)/tests/$(1): $$(WORKLOAD_SOURCE_$(1))
	@mkdir -p $$(@D)
	$$(call msg,CC,$$<)
	$$(Q)$$(CC) $$(CFLAGS) -std=gnu11 -D_GNU_SOURCE $$(WARN) -I. -pthread -o $$@ $$(filter %.c,$$^)
endef
$(foreach workload,$(WORKLOADS),$(eval $(call workload_program,$(workload))))

# All that a guest needs, for the kernels that refdax is built for.
.PHONY: guest-programs
guest-programs: cli tools workloads
	$(Q)testcases/build-fs 6.1 6.12 O=$(abspath $(O)) V=$(V)

check: setup
	$(Q)testcases/check

# The same with every load at full length; hours.
.PHONY: check-long
check-long: setup
	$(Q)LONG=1 testcases/check

bench: setup
	$(Q)testcases/bench/run

# verifier-update: the bounds are set anew
.PHONY: verifier verifier-update
verifier: setup
	$(Q)testcases/verifier/run

verifier-update: setup
	$(Q)testcases/verifier/run --update
