# millibill: `make help` lists the targets. One Makefile; each folder's module.mk only lists its files.
.DEFAULT_GOAL := all
SHELL := /bin/bash
JOBS := $(if $(filter 0,$(MAKELEVEL)),$(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null)))
MAKEFLAGS += --no-builtin-rules --no-print-directory $(JOBS)
PROFILE ?= release
BUILD ?= build
ifneq ($(PROFILE),release)
OUT := $(BUILD)/$(PROFILE)
else
OUT := $(BUILD)
endif
PREFIX ?= /usr/local
Q := $(if $(V),,@)

CC := gcc
PACKAGES := libpq libprotobuf-c libzmq lmdb gmp json-c libsodium popt yaml-0.1 zlib libmicrohttpd libcurl glib-2.0
STANDARD := -std=c17 -D_GNU_SOURCE -I. -isystem $(OUT)/gen
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wcast-qual -Wformat=2 -Wvla -Wstrict-prototypes -Wmissing-prototypes \
            -Wwrite-strings $(if $(CI),-Werror)
HARDENING := -fstack-protector-strong -fPIE
OPTIMISE := -O2 -g -D_FORTIFY_SOURCE=2
LINK_HARDENING := -pie -Wl,-z,relro,-z,now
ifeq ($(PROFILE),debug)
OPTIMISE := -O0 -g3
endif
ifeq ($(PROFILE),asan)
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LINK_HARDENING := -fsanitize=address,undefined
HARDENING :=
endif
ifeq ($(PROFILE),tsan)
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
LINK_HARDENING := -fsanitize=thread
HARDENING :=
endif
ifeq ($(PROFILE),fuzz)
CC := clang-14
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
LINK_HARDENING := -fsanitize=address,undefined
HARDENING :=
endif
# Asked for once, when the first recipe needs it: by then the packages are installed.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PKG_LIBS)
CFLAGS = $(STANDARD) $(WARNINGS) $(TEST_WARNINGS) $(OPTIMISE) $(HARDENING) $(PKG_CFLAGS) -MD -MP
LDFLAGS = $(LINK_HARDENING) -Wl,--as-needed
LDLIBS = $(PKG_LIBS) -lpthread

include lib/module.mk proto/module.mk formats/module.mk schema/module.mk agent/module.mk collector/module.mk rater/module.mk \
        reports/module.mk cli/module.mk
-include tests/module.mk
-include packaging/module.mk

# lib <- proto <- formats, schema: below all parts; parts link only what the house plan lets them.
objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
PB_C := $(OUT)/gen/proto/usage.pb-c.c $(OUT)/gen/proto/wire.pb-c.c $(OUT)/gen/proto/local.pb-c.c
PB_H := $(PB_C:.c=.h)
PB_O := $(PB_C:$(OUT)/gen/%.c=$(OUT)/obj/gen/%.o)
LIB_O := $(call objects,$(LIB_SOURCES))
PROTO_O := $(call objects,$(PROTO_SOURCES)) $(PB_O)
FORMATS_O := $(call objects,$(FORMATS_SOURCES))
SCHEMA_O := $(call objects,$(SCHEMA_SOURCES))
AGENT_O := $(call objects,$(AGENT_SOURCES))
COLLECTOR_O := $(call objects,$(COLLECTOR_SOURCES))
RATER_O := $(call objects,$(RATER_SOURCES))
REPORTS_O := $(call objects,$(REPORTS_SOURCES)) $(REPORTS_ASSEMBLED)
CLI_O := $(call objects,$(CLI_SOURCES))

LIBMILLIBILL := $(OUT)/lib/libmillibill.a $(OUT)/lib/libmillibill.so
EXAMPLES := $(patsubst examples/%.c,$(OUT)/examples/%,$(wildcard examples/*.c))
PROGRAMS := $(addprefix $(OUT)/bin/,millibill millibill-agent millibill-collector millibill-rater millibill-report)
INSTALLED = $(OUT)/.installed-$(1)

.PHONY: all agent collector rater report cli emitter examples
all: $(call INSTALLED,run) $(PROGRAMS) emitter examples
agent: $(OUT)/bin/millibill-agent emitter
collector: $(OUT)/bin/millibill-collector
rater: $(OUT)/bin/millibill-rater
report: $(OUT)/bin/millibill-report
cli: $(OUT)/bin/millibill
emitter: $(LIBMILLIBILL)
examples: $(EXAMPLES)

# Packages: what a target needs is installed first, once; nothing happens when it is all there.
SECTIONS_build := build
SECTIONS_run := build run
SECTIONS_demo := build run demo
SECTIONS_test := build run demo test
SECTIONS_lint := build lint
SECTIONS_fuzz := build fuzz
SECTIONS_bare := bare
$(OUT)/.installed-%: packaging/debian-packages.txt packaging/install-dependencies.sh
	@mkdir -p $(@D)
	@packaging/install-dependencies.sh $(SECTIONS_$*)
	@touch $@

$(OUT)/gen/proto/%.pb-c.c $(OUT)/gen/proto/%.pb-c.h: proto/%.proto | $(call INSTALLED,build)
	@mkdir -p $(OUT)/gen/proto
	@echo "  GEN   $<"
	$(Q)protoc-c --c_out=$(OUT)/gen $<
$(OUT)/obj/gen/%.o: $(OUT)/gen/%.c | $(PB_H)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STANDARD) $(OPTIMISE) $(HARDENING) $(PKG_CFLAGS) -c -o $@ $<
$(OUT)/obj/%.o: %.c | $(PB_H)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<
$(OUT)/gen/dashboard.html: $(DASHBOARD_PARTS) | $(call INSTALLED,build)
	@mkdir -p $(@D)
	@echo "  GEN   $@"
	$(Q)reports/dashboard/assemble.sh $(CHART_LIBRARY) $@
$(REPORTS_ASSEMBLED): reports/dashboard_template.S $(OUT)/gen/dashboard.html
	@mkdir -p $(@D)
	$(Q)$(CC) -c -Wa,-I$(OUT)/gen -o $@ $<
$(OUT)/lib/libmillibill.a: $(call objects,$(EMITTER_SOURCES))
	@mkdir -p $(@D)
	@echo "  AR    $@"
	$(Q)rm -f $@ && ar rcs $@ $^
$(OUT)/obj/pic/%.o: %.c | $(call INSTALLED,build)
	@mkdir -p $(@D)
	@echo "  CC    $< (shared)"
	$(Q)$(CC) $(CFLAGS) -fPIC -c -o $@ $<
$(OUT)/lib/libmillibill.so: $(patsubst %.c,$(OUT)/obj/pic/%.o,$(EMITTER_SOURCES))
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) -shared -Wl,-soname,libmillibill.so.0 $(if $(filter asan,$(PROFILE)),-fsanitize=address$(comma)undefined) $(if $(filter tsan,$(PROFILE)),-fsanitize=thread) -o $@ $^
comma := ,

$(OUT)/bin/millibill-agent: $(AGENT_O) $(FORMATS_O) $(PROTO_O) $(LIB_O)
$(OUT)/bin/millibill-collector: $(COLLECTOR_O) $(SCHEMA_O) $(PROTO_O) $(LIB_O)
$(OUT)/bin/millibill-rater: $(RATER_O) $(SCHEMA_O) $(FORMATS_O) $(PROTO_O) $(LIB_O)
# Rating makes and frees many small numbers and JSON trees in several threads; sanitizers, valgrind and libfaketime want the usual allocator.
ifeq ($(PROFILE),release)
$(OUT)/bin/millibill-rater: LDLIBS += -ljemalloc
endif
$(OUT)/bin/millibill-report: $(REPORTS_O) $(SCHEMA_O) $(PROTO_O) $(LIB_O)
$(OUT)/bin/millibill: $(CLI_O) $(SCHEMA_O) $(PROTO_O) $(LIB_O)
$(PROGRAMS):
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# An example worker in C: what a user's own program does with the emitter library.
$(OUT)/examples/%: $(OUT)/obj/examples/%.o $(OUT)/lib/libmillibill.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread

# Workers of fault tests: users of the emitter library, as the examples are.
CHAOS_PROGRAMS := $(patsubst tests/chaos/%.c,$(OUT)/tests/chaos/%,$(wildcard tests/chaos/*.c))
$(OUT)/tests/chaos/%: $(OUT)/obj/tests/chaos/%.o $(OUT)/lib/libmillibill.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread

# The quote command many times in one process, for the comparison with tests/oracle.
QUOTE_MANY := $(OUT)/tests/oracle/quote_many
$(QUOTE_MANY): $(OUT)/obj/tests/oracle/quote_many.o $(filter-out %_main.o,$(RATER_O)) $(FORMATS_O) $(SCHEMA_O) $(PROTO_O) $(LIB_O)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Tests: each unit program has its folder's objects (not its main) and what that folder may know.
BELOW_lib :=
BELOW_proto := $(LIB_O)
BELOW_formats := $(PROTO_O) $(LIB_O)
BELOW_schema := $(PROTO_O) $(LIB_O)
BELOW_agent := $(call objects,$(EMITTER_SOURCES)) $(FORMATS_O) $(PROTO_O) $(LIB_O)
BELOW_collector := $(SCHEMA_O) $(PROTO_O) $(LIB_O)
BELOW_rater := $(FORMATS_O) $(BELOW_collector)
BELOW_reports := $(BELOW_collector)
BELOW_cli := $(BELOW_collector)
FAILPOINT := $(OUT)/tests/libfailpoint.so
UNIT_PROGRAMS := $(UNIT_SOURCES:tests/unit/%.c=$(OUT)/tests/unit/%)
without_main = $(filter-out %_main.o %/main.o,$(1))
# argv made of literals, and protobuf-c's initialisers
$(OUT)/obj/tests/%.o: TEST_WARNINGS := -Wno-write-strings -Wno-cast-qual
define unit_rule
$(OUT)/tests/unit/$(1)/%: $(OUT)/obj/tests/unit/$(1)/%.o $(call objects,$(wildcard tests/unit/$(1)/support_*.c)) \
    $(call without_main,$($(2)_O)) $(BELOW_$(1)) | $(call INSTALLED,test)
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) -lcmocka
endef
$(foreach folder,$(UNIT_FOLDERS),$(eval $(call unit_rule,$(folder),$(shell echo $(folder) | tr a-z A-Z))))
$(call objects,$(wildcard tests/unit/*/*.c)): | $(call INSTALLED,test)
$(call objects,$(FUZZ_SOURCES)): | $(call INSTALLED,fuzz)
.SECONDARY:

.PHONY: units fuzzers test chaos oracle matrix sanitize tsan demo pictures lint format check-bare fuzz install clean help
units: $(UNIT_PROGRAMS) $(FAILPOINT) $(CHAOS_PROGRAMS) $(QUOTE_MANY)

# Preloaded into a program, it makes the N-th malloc, write, fsync, ... fail: its head says how.
$(FAILPOINT): tests/faults/failpoint.c | $(call INSTALLED,build)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -Wall -Wextra $(if $(CI),-Werror) -O2 -g -fPIC -shared -o $@ $<
test: $(call INSTALLED,test) all units
	@tests/run $(OUT)

# Random faults against a working stack, from a seed that it prints: make chaos SECONDS=3600 SEED=7 RECORD=1
SECONDS ?= 60
chaos: $(call INSTALLED,test) all $(CHAOS_PROGRAMS)
	@MILLIBILL_BUILD=$(OUT) tests/chaos/run --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(RECORD),--record)

# Random books, usage and contracts on which rater and oracle must agree to the last digit, from a seed that is printed:
# make oracle SETS=100000 SEED=7
SETS ?= 10000
oracle: $(call INSTALLED,test) all $(QUOTE_MANY)
	@MILLIBILL_BUILD=$(OUT) /usr/bin/python3 tests/oracle/random_bills.py --count $(SETS) --seed $(or $(SEED),$(shell date +%Y%m%d))

# Which test stands for which row of the fault matrix, with its result: the table in doc/reliability.md.
matrix: $(call INSTALLED,test) all units
	@tests/faults/matrix.py --run $(OUT)

# The same tests but the large ones, with every program and library of ours under ASan and UBSan.
SANITIZE_TESTS ?= tests/unit tests/pipeline
sanitize: $(call INSTALLED,test)
	@$(MAKE) PROFILE=asan all units
	@LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0 tests/run $(OUT)/asan $(SANITIZE_TESTS)

# What has threads (collector, emitter, rater) under TSan; tests/tsan.supp says what is left out and why. The rest of the agent is one
# thread, and the tests of its spool take minutes under TSan.
TSAN_TESTS ?= tests/unit/agent/test_ring tests/unit/agent/test_source tests/unit/agent/test_uplink tests/unit/collector tests/pipeline/test_sources \
              tests/pipeline/test_taken_back tests/pipeline/test_finals
tsan: $(call INSTALLED,test)
	@$(MAKE) PROFILE=tsan all units
	@tests/tsan $(OUT)/tsan $(TSAN_TESTS)

demo: $(call INSTALLED,demo) all
	@packaging/demo.sh $(OUT)

pictures: $(call INSTALLED,test) all
	@packaging/pictures.sh $(OUT)

lint: $(call INSTALLED,lint) $(PB_H)
	@tests/lint/run $(OUT)

format: $(call INSTALLED,lint)
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format-14 -i

check-bare: $(call INSTALLED,bare)
	@packaging/check-bare.sh

# Benchmarks: each prints a ratio against something that runs in the same minute.
BENCHES := $(patsubst bench/%.c,$(OUT)/bench/%,$(wildcard bench/*.c))
$(OUT)/bench/concurrency: $(call objects,reports/concurrency.c reports/sweep.c reports/sweep_store.c)
$(OUT)/bench/fleet: $(call objects,$(wildcard reports/fleet*.c) $(addprefix reports/,amount.c catalogue.c concurrency.c \
    figures.c savings_usage.c sentence.c sweep.c sweep_store.c table.c yaml_number.c))
$(OUT)/bench/%: $(OUT)/obj/bench/%.o $(SCHEMA_O) $(PROTO_O) $(LIB_O)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
.PHONY: bench
bench: $(call INSTALLED,build) $(BENCHES)
	@for program in $(BENCHES); do $$program || exit 1; done

# Fuzzers: tests/fuzz/FOLDER/fuzz_WHAT.c, linked like a unit program of that folder.
FUZZ_SECONDS ?= 60
FUZZ_PROGRAMS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(OUT)/tests/fuzz/%)
define fuzz_rule
$(OUT)/tests/fuzz/$(1)/%: $(OUT)/obj/tests/fuzz/$(1)/%.o $(call without_main,$($(2)_O)) $(BELOW_$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	$$(Q)$$(CC) $$(LDFLAGS) -fsanitize=fuzzer -o $$@ $$^ $$(LDLIBS)
endef
$(foreach folder,$(UNIT_FOLDERS),$(eval $(call fuzz_rule,$(folder),$(shell echo $(folder) | tr a-z A-Z))))
fuzzers: $(FUZZ_PROGRAMS)
fuzz: $(call INSTALLED,fuzz)
	@$(MAKE) PROFILE=fuzz fuzzers
	@tests/fuzz/run $(OUT)/fuzz/tests/fuzz $(FUZZ_SECONDS)

install: all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin lib include share/bash-completion/completions)
	install -m 644 packaging/millibill-completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/millibill
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(OUT)/lib/libmillibill.a agent/emitter/millibill.h $(DESTDIR)$(PREFIX)/lib
	mv $(DESTDIR)$(PREFIX)/lib/millibill.h $(DESTDIR)$(PREFIX)/include/millibill.h
	install -m 755 $(OUT)/lib/libmillibill.so $(DESTDIR)$(PREFIX)/lib/libmillibill.so.0
	ln -sf libmillibill.so.0 $(DESTDIR)$(PREFIX)/lib/libmillibill.so
	install -d $(DESTDIR)$(PREFIX)/share/millibill/schema
	install -m 644 $(SHARED_FILES) $(DESTDIR)$(PREFIX)/share/millibill/schema
	for folder in $(wildcard $(SHARED_FOLDERS)); do \
	    install -d $(DESTDIR)$(PREFIX)/share/millibill/$$folder && \
	    find $$folder -maxdepth 1 -type f -exec install -m 644 {} $(DESTDIR)$(PREFIX)/share/millibill/$$folder \; ; \
	done
	install -d $(DESTDIR)$(PREFIX)/share/millibill/grafana
	install -m 644 packaging/grafana/* $(DESTDIR)$(PREFIX)/share/millibill/grafana

clean:
	rm -rf $(OUT)

help:
	@echo "make               build everything into $(BUILD)/ (missing packages are installed first)"
	@echo "make demo          start a stack, meter real work, bill it, and show the invoices"
	@echo "make pictures      the README's pictures: an invoice, a savings report, the dashboard"
	@echo "make test          unit, pipeline and fault tests"
	@echo "make bench         benchmarks, as ratios against something that runs in the same minute"
	@echo "make oracle        rate SETS (10000) random usage sets with the rater and with the oracle, from SEED"
	@echo "make chaos         random faults against a working stack for SECONDS (60) from SEED; RECORD=1 writes the figures down"
	@echo "make matrix        run every test of the fault matrix and write its table into doc/reliability.md"
	@echo "make sanitize      unit and pipeline tests under ASan and UBSan"
	@echo "make tsan          what has threads, under TSan"
	@echo "make lint          format, clang-tidy, house plan, no floating point where money is"
	@echo "make format        let clang-format rewrite the sources"
	@echo "make check-bare    both README commands on a fresh minimal Debian 12 (root only, slow)"
	@echo "make fuzz          run each fuzzer for FUZZ_SECONDS (60)"
	@echo "make install       copy programs, library and data files to PREFIX ($(PREFIX)), under DESTDIR"
	@echo "make clean         remove $(OUT)/"
	@echo
	@echo "PROFILE=release|debug|asan|tsan|fuzz   BUILD=folder   V=1 shows commands   CI=1 makes warnings errors"

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
