# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Unit tests: they need no kernel, no privileges and no VM, but for the tests of
# the program (cli_*) what builds it: clang, bpftool.  Included by the top-level
# Makefile from the repository root, with O (output folder) and VERSION.
#
#   make unit         build and run them all; $(O)/unit/summary has the counts
#   make unit-bench   how fast a trace is written and read, and records are judged
#   make fuzz         each fuzz target for FUZZ_SECONDS
#
# A new subject is a program NAME_test.c: add NAME to UNIT_TESTS, and what it
# is linked with to UNIT_SRC_NAME.  A test that needs the output of another
# rule adds it to UNIT_DEP_NAME.

O ?= build

UNIT_TESTS := trace trace_hostile model model_entry model_operation detect detect_lost \
	detect_sync detect_locks detect_rules detect_stale detect_predict common cli_report cli_check cli_error cli_locks \
	cli_perturb cli_held order buffer expand symbols detect_damaged endless
UNIT_SRC_trace := $(wildcard cli/trace/*.c) testcases/unit/trace_craft.c
UNIT_SRC_trace_hostile := $(UNIT_SRC_trace)
# Stories are told to the model, or written to a trace.
UNIT_SRC_story := testcases/unit/story.c testcases/unit/story_locks.c cli/probe/table.c $(UNIT_SRC_trace)
UNIT_SRC_model := $(wildcard cli/model/*.c) testcases/unit/model_world.c $(UNIT_SRC_story)
UNIT_SRC_model_entry := $(UNIT_SRC_model)
UNIT_SRC_model_operation := $(UNIT_SRC_model)
UNIT_SRC_rules := $(wildcard cli/model/*.c cli/order/*.c cli/detect/*.c) $(UNIT_SRC_story)
UNIT_SRC_detect := $(UNIT_SRC_rules) testcases/unit/detect_world.c
UNIT_SRC_detect_lost := $(UNIT_SRC_detect)
UNIT_SRC_detect_sync := $(UNIT_SRC_detect)
UNIT_SRC_detect_locks := $(UNIT_SRC_detect)
UNIT_SRC_order := $(wildcard cli/order/*.c)
UNIT_SRC_expand := cli/probe/expand.c $(wildcard cli/common/*.c)
UNIT_SRC_detect_rules := $(UNIT_SRC_detect)
UNIT_SRC_detect_stale := $(UNIT_SRC_detect)
UNIT_SRC_detect_predict := $(UNIT_SRC_detect)
UNIT_SRC_detect_damaged := $(UNIT_SRC_rules)
UNIT_SRC_endless := $(UNIT_SRC_rules)
UNIT_SRC_symbols := cli/probe/symbols.c
UNIT_SRC_buffer := cli/probe/buffer.c
UNIT_SRC_common := cli/common/json.c cli/common/printable.c

# What a user sees of the whole program, which is built with the sanitizers for it.
UNIT_PROGRAM := $(O)/unit/daxtrace
UNIT_SRC_cli_report := testcases/unit/program.c $(wildcard cli/model/*.c) $(UNIT_SRC_story)
UNIT_DEP_cli_report := $(UNIT_PROGRAM)
UNIT_LIBS_cli_report := -ljson-c
UNIT_SRC_cli_check := $(UNIT_SRC_cli_report)
UNIT_DEP_cli_check := $(UNIT_PROGRAM)
UNIT_LIBS_cli_check := -ljson-c
UNIT_SRC_cli_error := $(UNIT_SRC_cli_report)
UNIT_DEP_cli_error := $(UNIT_PROGRAM)
UNIT_LIBS_cli_error := -ljson-c
UNIT_SRC_cli_perturb := $(UNIT_SRC_cli_report)
UNIT_DEP_cli_perturb := $(UNIT_PROGRAM)
UNIT_LIBS_cli_perturb := -ljson-c
UNIT_SRC_cli_held := $(UNIT_SRC_cli_report)
UNIT_DEP_cli_held := $(UNIT_PROGRAM)
UNIT_LIBS_cli_held := -ljson-c
UNIT_SRC_cli_locks := $(UNIT_SRC_cli_report)
UNIT_DEP_cli_locks := $(UNIT_PROGRAM)
UNIT_LIBS_cli_locks := -ljson-c

# fuzz_NAME.c, linked with FUZZ_SRC_NAME
FUZZ_TESTS := trace model
FUZZ_SRC_trace := $(UNIT_SRC_trace)
FUZZ_SRC_model := $(wildcard cli/common/*.c cli/report/*.c) $(UNIT_SRC_rules)
FUZZ_SECONDS ?= 120

UNIT_CC ?= gcc
FUZZ_CC ?= clang-16
UNIT_INCLUDE := -std=gnu11 -I. -Icli -D_GNU_SOURCE
UNIT_WARN := -Wall -Wextra -Werror
UNIT_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_CFLAGS := $(UNIT_INCLUDE) $(UNIT_WARN) -g -O1 -fno-omit-frame-pointer $(UNIT_SANITIZE)
UNIT_LIBS := -lcmocka -lzstd -lz

UNIT_QUIET := $(if $(filter-out 0,$(V)),,@)
UNIT_PROGRAMS := $(UNIT_TESTS:%=$(O)/unit/%_test)
FUZZ_PROGRAMS := $(FUZZ_TESTS:%=$(O)/unit/fuzz_%)
# Coarse, but the whole is built in seconds.
UNIT_HEADERS := $(wildcard bpf/*.h cli/*/*.h testcases/unit/*.h)

.PHONY: unit unit-build unit-bench fuzz fuzz-build

unit-build: $(UNIT_PROGRAMS)

unit: $(UNIT_PROGRAMS)
	$(UNIT_QUIET)testcases/unit/run $(O)/unit $(UNIT_PROGRAMS)

UNIT_CLI_OBJECTS := $(patsubst cli/%.c,$(O)/unit/cli/%.o,$(sort $(wildcard cli/*/*.c)))

$(O)/unit/cli/%.o: cli/%.c $(UNIT_HEADERS)
	@mkdir -p $(@D)
	$(UNIT_QUIET)$(UNIT_CC) $(UNIT_CFLAGS) -I$(O) -DDAXTRACE_VERSION='"$(VERSION)"' -c -o $@ $<

$(O)/unit/cli/probe/probe.o: $(O)/daxtrace.skel.h

$(O)/unit/tests/%.o: testcases/unit/%.c $(UNIT_HEADERS)
	@mkdir -p $(@D)
	$(UNIT_QUIET)$(UNIT_CC) $(UNIT_CFLAGS) -DUNIT_PROGRAM='"$(UNIT_PROGRAM)"' -c -o $@ $<

# $(1): sources; each is compiled once, whatever uses it
unit_objects = $(patsubst cli/%.c,$(O)/unit/cli/%.o,$(filter cli/%,$(1))) \
	$(patsubst testcases/unit/%.c,$(O)/unit/tests/%.o,$(filter testcases/unit/%,$(1)))

$(UNIT_PROGRAM): $(UNIT_CLI_OBJECTS)
	@echo "  UNIT     daxtrace"
	$(UNIT_QUIET)$(UNIT_CC) $(UNIT_CFLAGS) -o $@ $^ -lbpf -lelf -lz -lzstd -lm

$(O)/unit/story_write: $(call unit_objects,testcases/unit/story_write.c $(UNIT_SRC_rules))
	@echo "  UNIT     story_write"
	$(UNIT_QUIET)$(UNIT_CC) $(UNIT_CFLAGS) -o $@ $^ $(UNIT_LIBS)

# $(1): name of the test
define unit_program
$(O)/unit/$(1)_test: $$(call unit_objects,testcases/unit/$(1)_test.c $$(UNIT_SRC_$(1))) | $$(UNIT_DEP_$(1))
	@echo "  UNIT     $(1)_test"
	$$(UNIT_QUIET)$$(UNIT_CC) $$(UNIT_CFLAGS) -o $$@ $$^ $$(UNIT_LIBS) $$(UNIT_LIBS_$(1))
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call unit_program,$(test))))

# $(1): name of the fuzz target
define fuzz_program
$(O)/unit/fuzz_$(1): testcases/unit/fuzz_$(1).c $$(FUZZ_SRC_$(1)) $$(UNIT_HEADERS)
	@mkdir -p $$(@D)
	@echo "  FUZZ     fuzz_$(1)"
	$$(UNIT_QUIET)$$(FUZZ_CC) $$(UNIT_INCLUDE) $$(UNIT_WARN) -Wno-missing-field-initializers -g -O1 \
		-fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $$@ testcases/unit/fuzz_$(1).c $$(FUZZ_SRC_$(1)) -lzstd -lz

.PHONY: fuzz-$(1)
fuzz-$(1): $(O)/unit/fuzz_$(1)
	@mkdir -p $(O)/unit/corpus_$(1)
	$$(UNIT_QUIET)$(O)/unit/fuzz_$(1) -max_total_time=$$(FUZZ_SECONDS) -timeout=300 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix=$(O)/unit/ $(O)/unit/corpus_$(1)
endef
$(foreach test,$(FUZZ_TESTS),$(eval $(call fuzz_program,$(test))))

# What they begin with: the recorded races.
$(O)/unit/fuzz_seed: testcases/unit/fuzz_seed.c $(UNIT_SRC_trace) $(UNIT_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC       fuzz_seed"
	$(UNIT_QUIET)$(CC) -std=gnu11 $(UNIT_INCLUDE) -D_GNU_SOURCE $(UNIT_WARN) -g -O2 -o $@ \
		testcases/unit/fuzz_seed.c $(UNIT_SRC_trace) -lzstd -lz

.PHONY: $(FUZZ_TESTS:%=fuzz-seeds-%)
$(FUZZ_TESTS:%=fuzz-seeds-%): fuzz-seeds-%: $(O)/unit/fuzz_seed
	@mkdir -p $(O)/unit/corpus_$*
	$(UNIT_QUIET)for trace in $(wildcard testcases/races/*/*.dxt); do \
		$(O)/unit/fuzz_seed $* "$$trace" >"$(O)/unit/corpus_$*/$$(echo "$$trace" | tr / -)" || exit; done

$(FUZZ_TESTS:%=fuzz-%): fuzz-%: fuzz-seeds-%

fuzz-build: $(FUZZ_PROGRAMS)

fuzz: $(FUZZ_TESTS:%=fuzz-%)

$(O)/unit/trace_bench: testcases/unit/trace_bench.c $(UNIT_SRC_trace) $(UNIT_HEADERS)
	@mkdir -p $(@D)
	@echo "  BENCH    trace_bench"
	$(UNIT_QUIET)$(UNIT_CC) $(UNIT_INCLUDE) $(UNIT_WARN) -g -O2 -o $@ \
		testcases/unit/trace_bench.c $(UNIT_SRC_trace) -lzstd -lz

$(O)/unit/model_bench: testcases/unit/model_bench.c $(UNIT_SRC_rules) $(UNIT_HEADERS)
	@mkdir -p $(@D)
	@echo "  BENCH    model_bench"
	$(UNIT_QUIET)$(UNIT_CC) $(UNIT_INCLUDE) $(UNIT_WARN) -g -O2 -o $@ \
		testcases/unit/model_bench.c $(UNIT_SRC_rules) -lzstd -lz

unit-bench: $(O)/unit/trace_bench $(O)/unit/model_bench
	$(UNIT_QUIET)$(O)/unit/trace_bench $(O)/unit/bench.trace
	$(UNIT_QUIET)$(O)/unit/model_bench
