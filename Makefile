# SPDX-License-Identifier: Apache-2.0
# One Makefile for everything; objects under build/, other builds under build/VARIANT/. V=1 shows the commands.

VERSION := 0.1.0
B ?= build
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

CC ?= gcc
AR ?= ar
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
DESTDIR ?=

# gcc 10 misses fields also where a designated initializer leaves them zero on purpose.
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wundef -Wwrite-strings -Wno-missing-field-initializers
HARDENING := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fstack-clash-protection
LDHARDENING := -pthread -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
CFLAGS ?= -O2 -g
CI ?=
WERROR ?= $(if $(CI),-Werror)
SANITIZE ?=

LIB_PKGS := libcrypto yaml-0.1 rpm libarchive zlib libsolv libsolvext
BUNDLER_PKGS := libcurl expat

pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1))

# Hidden: or a function of ours could take the place of one of the same name inside a shared library.
ALL_CFLAGS = -std=gnu11 -pthread -fvisibility=hidden -D_GNU_SOURCE -DPGHA_VERSION='"$(VERSION)"' -iquote lib -MMD -MP $(WARNINGS) $(WERROR) \
	$(if $(SANITIZE),,$(HARDENING)) $(SANITIZE) $(CFLAGS) $(DEPS_CFLAGS)
# Asked when the first command needs it, and once: `make deps all` brings pkg-config and the libraries only now.
once = $(eval $(1) := $(2))$($(1))
DEPS_CFLAGS = $(call once,DEPS_CFLAGS,$(call pkg_cflags,$(LIB_PKGS) $(BUNDLER_PKGS)))
LIB_LIBS = $(call once,LIB_LIBS,$(call pkg_libs,$(LIB_PKGS)) -ldl)
BUNDLER_LIBS = $(call once,BUNDLER_LIBS,$(call pkg_libs,$(BUNDLER_PKGS)) -pthread)
DEPS_FIRST = $(filter deps,$(MAKECMDGOALS)) # also with -j

# Every source file of a folder belongs to that folder's program; only the main.c files stand apart, so that unit tests can
# link everything else.
LIB_SRCS := $(sort $(wildcard lib/*.c))
BUNDLER_SRCS := $(sort $(filter-out bundler/main.c,$(wildcard bundler/*.c)))
INSTALLER_SRCS := $(sort $(filter-out installer/main.c,$(wildcard installer/*.c)))
TEST_SRCS := $(sort $(wildcard tests/unit/test_*.c))
TEST_BINS := $(TEST_SRCS:tests/unit/%.c=$(B)/tests/%)

BENCH_BINS := $(B)/bench/floor $(B)/bench/measure

obj = $(patsubst %.c,$(B)/%.o,$(1))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all help tests check check-asan random-check random-docs check-el8 check-repro check-lab check-topologies check-next demo demo-ports lab lab-shell lab-down \
	bench bench-docs bench-cluster bench-smoke \
	deps install lint \
	format clean

all: $(B)/pgha-bundle $(B)/pgha-install ## build both programs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(B)/%.o: %.c | $(DEPS_FIRST)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/libpgha.a: $(call obj,$(LIB_SRCS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libbundler.a: $(call obj,$(BUNDLER_SRCS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libinstaller.a: $(call obj,$(INSTALLER_SRCS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/pgha-bundle: $(call obj,bundler/main.c) $(B)/libbundler.a $(B)/libpgha.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(BUNDLER_LIBS)

$(B)/pgha-install: $(call obj,installer/main.c) $(B)/libinstaller.a $(B)/libpgha.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(B)/tests/unit/%.o: ALL_CFLAGS += -Ibundler -Iinstaller

# A unit test tests/unit/test_X.c sees every module of the library and of both programs.
$(B)/tests/test_%: $(B)/tests/unit/test_%.o $(B)/libbundler.a $(B)/libinstaller.a $(B)/libpgha.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(BUNDLER_LIBS) -lcmocka

# For the comparison with dnf: many requests in one process.
$(B)/tests/tools/%.o: ALL_CFLAGS += -Ibundler

$(B)/tests/solve-batch: $(B)/tests/tools/solve_batch.o $(B)/libbundler.a $(B)/libpgha.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(BUNDLER_LIBS)

-include $(patsubst %.c,$(B)/%.d,$(LIB_SRCS) $(BUNDLER_SRCS) $(INSTALLER_SRCS) $(TEST_SRCS) \
	bundler/main.c installer/main.c tests/tools/solve_batch.c)

tests: $(TEST_BINS) $(B)/tests/solve-batch

deps: ## install what building and testing need (apt or dnf; root, unless all is there)
	@tests/deps.sh

check: deps ## unit tests and command tests
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)tests/run.sh $(B)

# LeakSanitizer cannot see through a stop of the world by ptrace; everything else is fatal.
check-asan: deps ## the same under AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)$(MAKE) --no-print-directory B=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer -DPKCS8_ITERATIONS=10000' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' all tests
	$(Q)LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0 tests/run.sh build/asan

random-check: all tests ## random requests beside stock dnf (SEED='17 18 19', COUNT=300 of each)
	$(Q)PGHA_BUILD=$(B) SEED='$(SEED)' COUNT='$(COUNT)' tests/cli/random_check.sh

random-docs: all tests ## the same and every name there is, and write docs/comparison.md
	$(Q)PGHA_BUILD=$(B) SEED='$(SEED)' COUNT='$(COUNT)' tests/cli/random_check.sh docs/comparison.md

check-el8: deps ## build and unit tests with the libraries of RHEL 8's generation (Debian 11)
	$(Q)tests/lab/lab check-el8

check-repro: deps all ## one lock built here, on Debian 13 and on Debian 11: the same payload and repodata
	$(Q)tests/lab/repro.sh $(B)

demo: deps ## from yum repositories to eight running services, and a failover
	$(Q)tests/lab/lab demo

demo-ports: deps ## the same with every port at another number (PGHA_PORTS=SEED repeats one)
	$(Q)PGHA_PORTS=$${PGHA_PORTS:-random} tests/lab/lab demo

check-lab: deps ## what must not work, tried in the running lab
	$(Q)tests/lab/lab negative

check-next: deps ## the next bundle on the running cluster and back, while clients write; writes docs/next-bundle.md
	$(Q)tests/lab/lab next --docs docs/next-bundle.md

check-service: deps ## a service of YAML and templates alone: built, installed on one machine, asked
	$(Q)tests/lab/service.sh

check-topologies: deps ## the topologies that are shipped: installed, used, taken away (NAMES='single three')
	$(Q)tests/lab/topologies.sh $(NAMES)

soak: deps ## installations killed at every point, power losses, faults: hours; writes docs/soak.md (SEED=17)
	$(Q)tests/lab/soak.sh --docs docs/soak.md

check-soak: deps ## a few cases of these, drawn by SEED
	$(Q)tests/lab/soak.sh --verbs install --sample 1

lab: deps ## the demo, and leave the cluster running to look at
	$(Q)tests/lab/lab demo --keep

lab-shell: ## a shell on a machine of the lab: make lab-shell NODE=node1
	$(Q)tests/lab/lab shell $(NODE)

lab-down: ## take the lab down
	$(Q)tests/lab/lab down

$(B)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 $(WARNINGS) $(WERROR) $(CFLAGS) -o $@ $< $(call pkg_cflags,libsolv libsolvext) \
		$(call pkg_libs,libsolv libsolvext)

bench: deps all $(BENCH_BINS) ## time and memory beside stock tools (RUNS=5, ONLY='resolve fetch build verify packages scale')
	$(Q)tests/bench/bench.sh $(B)

bench-docs: deps all $(BENCH_BINS) ## the same, and write docs/benchmarks.md
	$(Q)tests/bench/bench.sh $(B) --docs

bench-cluster: deps ## how long eight machines take, in sequence and side by side, and where the time goes
	$(Q)tests/lab/topologies.sh eight

bench-smoke: deps all $(BENCH_BINS) ## one quick round: that everything still runs and agrees, not how fast
	$(Q)RESULTS=smoke.json RUNS=1 ONLY='resolve fetch build verify packages' BUILD_MIB=64 tests/bench/bench.sh $(B)

install: all ## install both programs and the manifests below $(DESTDIR)$(PREFIX)
	install -D -m 0755 $(B)/pgha-bundle $(DESTDIR)$(PREFIX)/bin/pgha-bundle
	install -D -m 0755 $(B)/pgha-install $(DESTDIR)$(PREFIX)/bin/pgha-install
	find manifests keys -type f ! -name .env ! -name '.env.previous-*' \
		-exec install -D -m 0644 {} $(DESTDIR)$(PREFIX)/share/pgha/{} \;

C_SRCS := $(LIB_SRCS) $(BUNDLER_SRCS) $(INSTALLER_SRCS) bundler/main.c installer/main.c
C_FILES := $(C_SRCS) $(TEST_SRCS) $(wildcard tests/tools/*.c tests/bench/*.c lib/*.h bundler/*.h installer/*.h tests/unit/*.h)
TIDY := $(C_SRCS:%.c=$(B)/tidy/%.ok)

# A function's paths are followed as far as a quarter of clang's own limit: the rest takes most of the time.
$(B)/tidy/%.ok: ANALYZER := -Xclang -analyzer-config -Xclang max-nodes=50000
$(B)/tidy/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)
	$(Q)clang-tidy --quiet $< -- $(filter-out -MMD -MP -fstack-clash-protection,$(ALL_CFLAGS)) $(ANALYZER) 2>$@.log || { cat $@.log; exit 1; }
	$(Q)touch $@

lint: $(TIDY) ## clang-tidy, cppcheck, shellcheck, and the project's own rules
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability,performance \
		--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=memleak --suppress=resourceLeak \
		-j2 $(C_SRCS)
	$(call say,LINT,rules)
	$(Q)tests/lint/rules.sh

clean: ## remove what was built
	rm -rf build

format: ## let clang-format lay out the C sources
	clang-format -i $(C_FILES)
