# qga-exporter.  `make help` lists the targets; everything is built below $(BUILD).
#
# Another compiler or a sanitizer is only another BUILD:
#   make CC=clang BUILD=build-clang      make SANITIZE=address,undefined BUILD=build-asan
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SYSCONFDIR ?= /etc
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/qga-exporter
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
BUILD ?= build
SANITIZE ?=

VERSION := 1.0.0-rc1
REVISION := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
BRANCH := $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)

Q := $(if $(V),,@)
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
comma := ,

cc-option = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>/dev/null && echo $(1))

PACKAGES := libvirt libvirt-qemu jansson libmicrohttpd gnutls libxcrypt libuv yaml-0.1 libpcre2-8 libxml-2.0 libdeflate libseccomp
# Third-party headers as system headers, so that the warnings judge only our code.
# Asked for once, when they are first wanted: `check` installs them.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) | sed 's/-I/-isystem /g'))$(PACKAGE_CFLAGS)
PACKAGE_LIBS = $(eval PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wwrite-strings \
	-Wcast-qual -Wpointer-arith -Wundef -Wvla -Wformat=2 -Wswitch-enum \
	-Wnull-dereference $(if $(WERROR),-Werror)
HARD := -fstack-protector-strong -fstack-clash-protection -fno-common -fPIE \
	$(call cc-option,-fcf-protection) $(call cc-option,-ftrivial-auto-var-init=zero) \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
LINK := -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
ifneq ($(SANITIZE),)
HARD := -fPIE -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LINK := -pie -pthread -fsanitize=$(SANITIZE)
# So much of what was freed stays poisoned; more mostly costs page faults.
export ASAN_OPTIONS ?= quarantine_size_mb=16
endif
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -pthread $(WARN) $(HARD) -ffile-prefix-map=$(CURDIR)/= $(CFLAGS)

COLLECTOR_SOURCES := $(sort $(wildcard collectors/*.c collectors/*/*.c))
EXPORTER_SOURCES := $(sort $(wildcard exporter/*.c exporter/*/*.c exporter/*/*/*.c))
OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(COLLECTOR_SOURCES) $(EXPORTER_SOURCES))
UNIT_TEST_SOURCES := $(sort $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
UNIT_TESTS := $(UNIT_TEST_SOURCES:%.c=$(BUILD)/%)

# The architecture in three lines: a collector cannot reach the daemon.
$(BUILD)/collectors/%.o: INC := -Icollectors
$(BUILD)/exporter/%.o: INC := -Iexporter -Icollectors
$(BUILD)/tests/%.o: INC := -Iexporter -Icollectors -Itests

all: $(BUILD)/qga-exporter ## build the exporter (default)

$(BUILD)/qga-exporter: $(OBJECTS)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lm

# Objects are built anew when the flags change.
FLAGS_STAMP := $(BUILD)/.flags
$(FLAGS_STAMP): FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' >$@
FORCE:

$(BUILD)/%.o: %.c $(FLAGS_STAMP)
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(ALL_CFLAGS) $(INC) $(PACKAGE_CFLAGS) $(DEFINES) -MMD -MP -c -o $@ $<

# What --version and qga_exporter_build_info say.
BUILD_DEFINES = -DQGA_VERSION='"$(VERSION)"' -DQGA_REVISION='"$(REVISION)"' -DQGA_BRANCH='"$(BRANCH)"'
BUILD_INFO := $(BUILD)/exporter/help.o $(BUILD)/exporter/store/telemetry_text.o
$(BUILD_INFO): DEFINES = $(BUILD_DEFINES)
# Where it looks for its configuration, and what its messages name.
PLACES = -DQGA_SYSCONFDIR='"$(SYSCONFDIR)"' -DQGA_DOCDIR='"$(DOCDIR)"'
PLACES_STAMP := $(BUILD)/.places
$(PLACES_STAMP): FORCE
	@mkdir -p $(@D)
	@echo '$(PLACES)' | cmp -s - $@ || echo '$(PLACES)' >$@
KNOWS_PLACES := $(BUILD)/exporter/options.o $(BUILD)/exporter/doctor/remedies.o
$(KNOWS_PLACES): DEFINES = $(PLACES)
$(KNOWS_PLACES): $(PLACES_STAMP)

# A test links the objects that it needs out of archives, one for each folder: that of the
# folder of its name in exporter/, and of those which exporter/README.md lets it use.  Tests
# without such a folder link all.  What a test defines itself wins over an archive's.
FOLDERS := $(patsubst %/,%,$(sort $(dir $(COLLECTOR_SOURCES) $(EXPORTER_SOURCES))))
objects-of = $(filter-out %/main.o,$(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c)))
below = $(BELOW_$(or $(wildcard exporter/$(patsubst tests/unit/%,%,$(1))),exporter))
archives = $(patsubst %,$(BUILD)/%/objects.a,$(call below,$(patsubst %/,%,$(dir $(1)))))
.SECONDEXPANSION:
.SECONDARY:
$(FOLDERS:%=$(BUILD)/%/objects.a): $(BUILD)/%/objects.a: $$(call objects-of,$$*)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/below.mk: exporter/README.md tests/walls
	@mkdir -p $(@D)
	$(Q)tests/walls --below >$@
# What only builds or installs needs neither this nor Python.
PLAIN_GOALS := all deb deb-check rpm rpm-check image install install-documents uninstall clean help check check-long demo $(BUILD)/qga-exporter
ifneq ($(filter-out $(PLAIN_GOALS),$(or $(MAKECMDGOALS),all)),)
-include $(BUILD)/below.mk
endif

# There are many of them, so where there is a quicker linker it makes them; its threads cost
# more than they save.
QUICK_LINKER := $(if $(shell command -v ld.lld),-fuse-ld=lld -Wl$(comma)--threads=1)
$(UNIT_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $$(call archives,tests/unit/$$*)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(QUICK_LINKER) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lcmocka -lm

demo: ## boot two real guests and show what the exporter says of them; Ctrl-C ends it (root)
	$(Q)scripts/demo

check: ## install what is missing, then run every test
	$(Q)scripts/install-packages test
	$(Q)BUILD=$(BUILD) tests/check
check-long: ## run what takes long and seldom breaks; CI does, after check
	$(Q)scripts/install-packages test
	$(Q)BUILD=$(BUILD) tests/check --long

unit: export TSAN_OPTIONS ?= suppressions=$(abspath tests/tsan.supp)
# No test is decided by time: the limit only ends one that hangs, and its log names it.
unit: $(UNIT_TESTS) ## build and run the unit tests
	$(Q)failed=0; \
	printf '%s\n' $^ | xargs -P $(shell nproc) -I{} sh -c 'timeout 600 {} >{}.log 2>&1 || echo "{} FAILED" >>{}.log; cat {}.log | grep -q FAILED && exit 1 || exit 0' || failed=1; \
	cat $$(grep -L FAILED $(^:=.log)) $$(grep -l FAILED $(^:=.log)); exit $$failed
unit-build: $(UNIT_TESTS)

# TSan has something to tell where there are threads.
THREADED := base poll source store web
THREADED_TESTS := $(foreach folder,$(THREADED),$(filter $(BUILD)/tests/unit/$(folder)/%,$(UNIT_TESTS)))
unit-threaded: ## build and run the unit tests of the folders that have threads
	+$(Q)$(MAKE) --no-print-directory UNIT_TESTS='$(THREADED_TESTS)' unit

# The web side alone: it needs no guest.
WEB_TESTS := $(filter $(BUILD)/tests/unit/web/%,$(UNIT_TESTS))
check-web: web-access ## run the tests of the web side: HTTP, TLS, log-ins
	+$(Q)$(MAKE) --no-print-directory UNIT_TESTS='$(WEB_TESTS)' unit
WEB_FILES := access files port smuggling
web-access: $(BUILD)/qga-exporter
	$(Q)CI=true QGA_EXPORTER=$(abspath $<) /usr/bin/python3 -m pytest -rs $(WEB_FILES:%=tests/e2e/test_web_%.py)

ATTACK_ROUNDS ?= 20
attack: $(BUILD)/qga-exporter ## attack the port, and see that nothing grows and nobody waits (root)
	$(Q)CI=true ATTACK_ROUNDS=$(ATTACK_ROUNDS) QGA_EXPORTER=$(abspath $<) \
		/usr/bin/python3 -m pytest -rs -s tests/e2e/test_web_attack.py

# On another Debian release: its compilers, libraries and daemons.
STACK ?= trixie
on-stack = $(Q)BUILD=$(BUILD) tests/stack $(STACK) $(1) make --no-print-directory -j$(shell nproc) BUILD=$(BUILD)/on-$(STACK) WERROR=1 $(2)
check-stack: ## build and test the program on another Debian release (STACK: trixie, trixie-backports or forky; root)
	$(call on-stack,stack,check-stack-here)
check-stack-here: all unit
	+$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang CFLAGS='-O1 -g' all unit-build
	+$(Q)CI=true $(MAKE) --no-print-directory e2e
check-tls: ## run the tests of the web side there
	$(call on-stack,web,check-web)
.PHONY: check-web web-access attack check-stack check-stack-here check-tls

# The Debian package, of this machine's release or of that which STACK names.
DEB := $(BUILD)/deb
DEB_STACK := $(if $(filter command environment,$(firstword $(origin STACK))),$(STACK))
deb: ## build the Debian package below BUILD/deb, for this release or another (STACK: bookworm or trixie; root)
	$(Q)rm -rf $(DEB)/source && mkdir -p $(DEB)/source
	$(Q)git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C $(DEB)/source
	$(Q)$(if $(DEB_STACK),BUILD=$(BUILD) tests/stack $(DEB_STACK) deb) scripts/build-deb $(DEB)
deb-check: ## build it for Debian 12 and 13; let it live in roots of them, also under a systemd (root)
	$(Q)BUILD=$(BUILD) tests/deb/check bookworm trixie
.PHONY: deb deb-check

# What else it is packed as; each is made and judged on Debian alone.
RELEASE = $(shell . /etc/os-release && echo $$VERSION_CODENAME)
IMAGE := $(BUILD)/image
rpm: ## build the RPM package below BUILD/rpm, on Fedora or RHEL
	$(Q)scripts/build-rpm $(BUILD)/rpm
image: ## make an OCI image of the Debian package and its libraries below BUILD/image
	+$(Q)$(MAKE) --no-print-directory DEB_STACK= deb
	$(Q)scripts/build-image $(DEB)/$(RELEASE)/prometheus-qga-exporter_*.deb $(IMAGE)
packaging-check: reproducible-check rpm-check image-check helm-check ansible-check nixos-check reuse-check ## check all that it is packed as (root)
packaging-packages:
	$(Q)scripts/install-packages packaging
rpm-check: packaging-packages ## build the RPM package on Debian; look at it, let it live
	$(Q)tests/packaging/rpm $(BUILD)/rpm
reproducible-check: packaging-packages ## build the Debian package twice, differently: the same bytes (root)
	+$(Q)$(MAKE) --no-print-directory DEB_STACK= deb
	$(Q)tests/deb/reproducible $(DEB) $(RELEASE)
image-check: packaging-packages image ## look at the image; run it under crun beside a libvirtd with a guest (root)
	$(Q)/usr/bin/python3 tests/packaging/image.py $(DEB)/$(RELEASE)/prometheus-qga-exporter_*.deb $(IMAGE)
helm-check: packaging-packages all ## render the Helm chart, and hold it against the schemas of its kinds
	$(Q)QGA_EXPORTER=$(abspath $(BUILD)/qga-exporter) /usr/bin/python3 tests/packaging/helm.py $(BUILD)/helm
ansible-check: packaging-packages ## lint the Ansible role, and let it set up a root of Debian (root)
	$(Q)BUILD=$(BUILD) tests/packaging/ansible $(DEB) $(RELEASE)
nixos-check: packaging-packages ## evaluate the NixOS module
	$(Q)tests/packaging/nixos $(BUILD)/nix
reuse-check: packaging-packages ## see that each file has its licence
	$(Q)reuse lint | tail -4
.PHONY: rpm image packaging-check packaging-packages rpm-check reproducible-check image-check helm-check ansible-check nixos-check reuse-check

# Files of tests that run side by side, each with a libvirtd and guests of its own: they
# mostly wait, so three for two cores, as far as the memory bears (tests/lab/machine.py).
E2E_JOBS ?= $(shell /usr/bin/python3 tests/lab/machine.py)
end-to-end = $(Q)QGA_EXPORTER=$(abspath $(BUILD)/qga-exporter) /usr/bin/python3 -m pytest -rsfE --durations=10 -n $(E2E_JOBS) --dist loadfile
e2e: $(BUILD)/qga-exporter ## run the end-to-end tests: real guests, libvirtd, Prometheus (root)
	$(end-to-end) --ignore=tests/e2e/long tests/e2e
e2e-long: $(BUILD)/qga-exporter ## run those that take long: dashboards, fleets, grouped alerts (root)
	$(end-to-end) tests/e2e/long
.PHONY: e2e e2e-long

# The same under a sanitizer, which makes the exporter end at what it finds.  It is slower
# and larger then.
E2E_TESTS ?= tests/e2e
e2e-sanitized = $(MAKE) --no-print-directory BUILD=$(BUILD)/$(1) SANITIZE=$(2) $(BUILD)/$(1)/qga-exporter && \
	$(3) QGA_E2E_PATIENCE=3 QGA_E2E_RSS_MAX=$$((1 << 30)) QGA_EXPORTER=$(abspath $(BUILD)/$(1)/qga-exporter) \
	/usr/bin/python3 -m pytest -rs -n $(E2E_JOBS) --dist loadfile $(E2E_TESTS)
e2e-asan: ## run the end-to-end tests under ASan and UBSan (E2E_TESTS: which; root)
	+$(Q)$(call e2e-sanitized,asan,address$(comma)undefined,ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1)
e2e-tsan: ## run the end-to-end tests under TSan (E2E_TESTS: which; root)
	+$(Q)$(call e2e-sanitized,tsan,thread,TSAN_OPTIONS=suppressions=$(abspath tests/tsan.supp))

SHARES_SECONDS ?= 90
shares: $(BUILD)/qga-exporter ## let up to 30 guests of each hostile kind take what they can get, for 45 minutes; see what 20 honest ones notice
	$(Q)cd tests && QGA_EXPORTER=$(abspath $<) SHARES_SECONDS=$(SHARES_SECONDS) /usr/bin/python3 -m shares
soak: $(BUILD)/qga-exporter ## let guests start, stop, hang and lie for SOAK_MINUTES (30); watch its memory (root)
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 tests/soak.py
harmless: $(BUILD)/qga-exporter ## ask real agents 10,000 times, and beside a host that needs them too; look what it leaves behind (root)
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 tests/harmless.py
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 tests/harmless_host.py
drift: $(BUILD)/qga-exporter ## let clocks of real guests run fast and slow for MINUTES (15); hold it against the truth (root)
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 tests/drift.py
valgrind: $(BUILD)/qga-exporter ## run it under memcheck with real guests for a minute (root)
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 tests/valgrind.py

METRICS := $(BUILD)/tests/metrics_reference
CONFIGURATION := $(BUILD)/tests/configuration_reference
$(METRICS) $(CONFIGURATION): $(BUILD)/%: $(BUILD)/%.o $$(call archives,$$*)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lm

walls: ## test the architecture of what was built, and the walls themselves
	$(Q)tests/walls $(BUILD)
	$(Q)/usr/bin/python3 -m pytest -p no:cacheprovider tests/test_walls.py tests/test_scripts.py
.PHONY: walls

docs: $(METRICS) $(CONFIGURATION) ## write docs/METRICS.md, docs/FAULTS.md and the tables of docs/configuration.md anew
	$(Q)$(METRICS) >docs/METRICS.md
	$(Q)$(CONFIGURATION) <docs/configuration.md >$(BUILD)/configuration.md
	$(Q)cp $(BUILD)/configuration.md docs/configuration.md
	$(Q)/usr/bin/python3 tests/e2e/faults.py >docs/FAULTS.md

docs-check: all $(METRICS) $(CONFIGURATION) ## compare the documents with the program; follow their links
	$(Q)$(METRICS) | diff -u docs/METRICS.md - || { echo 'docs/METRICS.md is out of date: make docs' >&2; exit 1; }
	$(Q)$(CONFIGURATION) <docs/configuration.md | diff -u docs/configuration.md - || { echo 'docs/configuration.md is out of date: make docs' >&2; exit 1; }
	$(Q)/usr/bin/python3 tests/e2e/faults.py --check
	$(Q)tests/docs.sh $(BUILD)/qga-exporter

dashboards: ## write dashboards/*.json from dashboards/source
	$(Q)dashboards/build.py

dashboards-check: ## lint the dashboards, compare them with their source and with Grafana's types; npm
	$(Q)dashboards/build.py --check
	$(Q)tests/dashboards/lint.py
	$(Q)tests/dashboards/schema.py
	$(Q)/usr/bin/python3 -m pytest -p no:cacheprovider tests/dashboards
.PHONY: dashboards dashboards-check

# Pictures of the dashboards: half a GB of npm packages, which nothing else needs.
RENDER := dashboards/render
RENDER_MODULES := $(RENDER)/node_modules/.package-lock.json
$(RENDER_MODULES): $(RENDER)/package-lock.json
	$(Q)scripts/install-packages screenshots
	$(Q)cd $(RENDER) && npm ci --ignore-scripts --no-audit --no-fund
	$(Q)touch $@

screenshots: $(BUILD)/qga-exporter $(RENDER_MODULES) ## draw docs/dashboard-*.png of real guests and their echoes, in 20 minutes; half a GB of npm packages (root)
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 $(RENDER)/lab.py docs

screenshots-check: $(RENDER_MODULES) ## test what draws the pictures, on canned data; npm
	$(Q)node --test $(RENDER)/check.mjs
.PHONY: screenshots screenshots-check

rules-check: ## check the rules for Prometheus, their tests and the runbook
	$(Q)tests/rules.py
rules-mutants: ## break each rule in small ways: a test must notice each
	$(Q)tests/rules_mutants.py
.PHONY: rules-check rules-mutants

# The unit names the places of the program and its flags; what was edited is kept.
unit-paths = sed -e 's|/usr/local/bin/|$(BINDIR)/|' -e 's|/etc/|$(SYSCONFDIR)/|'
install-once = test -e $(DESTDIR)$(2) || install -D -m 644 $(1) $(DESTDIR)$(2)

# Documents lie there as they do here, so that their links lead on.
DOCUMENTS := $(wildcard *.md LICENSE exporter/README.md docs/*.md docs/*.png docs/*.svg config/*.yml config/polkit/* \
	config/prometheus/*.yml config/prometheus/fleet/*.yml \
	dashboards/*.md dashboards/*.json dashboards/provisioning/*/*.yml)
install-documents:
	for file in $(DOCUMENTS); do install -D -m 644 $$file $(DESTDIR)$(DOCDIR)/$$file; done

install: all install-documents ## install below PREFIX (/usr/local), and below DESTDIR
	install -D $(BUILD)/qga-exporter $(DESTDIR)$(BINDIR)/qga-exporter
	install -D -m 644 docs/qga-exporter.8 $(DESTDIR)$(MANDIR)/man8/qga-exporter.8
	install -D -m 644 docs/qga-exporter.yml.5 $(DESTDIR)$(MANDIR)/man5/qga-exporter.yml.5
	$(call install-once,config/qga-exporter.yml,$(SYSCONFDIR)/qga-exporter.yml)
	$(call install-once,config/web.yml,$(SYSCONFDIR)/qga-exporter-web.yml)
	$(call install-once,config/systemd/qga-exporter.default,$(SYSCONFDIR)/default/qga-exporter)
	install -D -m 644 <($(unit-paths) config/systemd/qga-exporter.service) $(DESTDIR)$(UNITDIR)/qga-exporter.service
	install -D -m 644 config/systemd/qga-exporter.sysusers $(DESTDIR)$(SYSUSERSDIR)/qga-exporter.conf

uninstall: ## remove what install has put there; say what it leaves, and how that goes away
	rm -f $(DESTDIR)$(BINDIR)/qga-exporter $(DESTDIR)$(MANDIR)/man8/qga-exporter.8 $(DESTDIR)$(MANDIR)/man5/qga-exporter.yml.5
	rm -f $(DESTDIR)$(UNITDIR)/qga-exporter.service $(DESTDIR)$(SYSUSERSDIR)/qga-exporter.conf
	rm -rf $(DESTDIR)$(DOCDIR)
	@echo 'These stay, if they are there; as root:'
	@echo '  systemctl stop qga-exporter    # where it runs still'
	@echo '  rm -f $(DESTDIR)/etc/systemd/system/multi-user.target.wants/qga-exporter.service'
	@echo '  systemctl daemon-reload'
	@echo '  rm -f $(DESTDIR)/etc/polkit-1/rules.d/50-qga-exporter.rules'
	@echo '  rm -f $(DESTDIR)$(SYSCONFDIR)/qga-exporter.yml $(DESTDIR)$(SYSCONFDIR)/qga-exporter-web.yml $(DESTDIR)$(SYSCONFDIR)/default/qga-exporter'
	@echo '  userdel qga-exporter'

# Fuzzing.  `fuzz` builds with libFuzzer (clang); `fuzz-replay` runs the same targets over
# the seeds and the findings with any compiler, so that a finding stays fixed.
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_CORPORA = $(BUILD)/seeds/$* $(wildcard tests/fuzz/corpus/$*)
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= 2
FUZZ_CLANG ?= clang
fuzz-make = +$(Q)$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) $(1)

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $$(call archives,tests/fuzz/fuzz_%)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) -fsanitize=fuzzer $(QUICK_LINKER) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lm

$(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $$(call archives,tests/fuzz/fuzz_%)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(QUICK_LINKER) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lm

fuzz: ## run each fuzz target for FUZZ_SECONDS (60) from its corpus; needs clang
	$(call fuzz-make,CC=$(FUZZ_CLANG) BUILD=$(BUILD)/fuzz SANITIZE=fuzzer-no-link$(comma)address$(comma)undefined fuzz-build)
	$(Q)printf '%s\n' $(FUZZ_TARGETS) | \
		xargs -P $(FUZZ_JOBS) -I TARGET tests/fuzz/run $(BUILD)/fuzz TARGET $(FUZZ_SECONDS)

fuzz-build: $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/fuzz_%) fuzz-seeds

fuzz-seeds:
	$(Q)tests/fuzz/seeds $(BUILD)/seeds

fuzz-replay: ## run the fuzz targets over their seeds and findings, with ASan and UBSan
	$(call fuzz-make,BUILD=$(BUILD)/asan SANITIZE=address$(comma)undefined fuzz-replay-run)

fuzz-replay-run: $(FUZZ_TARGETS:%=fuzz-replay-%)

fuzz-replay-%: $(BUILD)/tests/fuzz/replay_% fuzz-seeds
	$(Q)$< $(FUZZ_CORPORA) >$<.log || { echo "FOUND by $$(tail -1 $<.log)"; exit 1; }
	$(Q)echo "ok    fuzz $*: $$(tail -1 $<.log)"

.PHONY: bench bench-scale bench-fleet
BARE_LOOP := $(BUILD)/tests/bench/bare_loop
$(BARE_LOOP): $(BARE_LOOP).o
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS)

bench: $(BUILD)/qga-exporter $(BARE_LOOP) ## measure it on 57 real guests (root)
	$(Q)QGA_EXPORTER=$(abspath $<) QGA_BARE_LOOP=$(abspath $(BARE_LOOP)) \
		/usr/bin/python3 tests/bench/bench.py

BARE_SOCKET := $(BUILD)/tests/bench/bare_socket
$(BARE_SOCKET): $(BARE_SOCKET).o
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS)

bench-scale: $(BUILD)/qga-exporter $(BARE_SOCKET) ## measure it on 1,000 agents by their sockets (root)
	$(Q)QGA_EXPORTER=$(abspath $<) QGA_BARE_SOCKET=$(abspath $(BARE_SOCKET)) \
		/usr/bin/python3 tests/bench/scale.py

RENDER_BENCH := $(BUILD)/tests/bench/render
$(RENDER_BENCH): $(RENDER_BENCH).o $$(call archives,tests/bench/render)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lm

bench-render: $(RENDER_BENCH) ## measure scrapes of 1,000 guests in all forms, without HTTP
	$(Q)$<
.PHONY: bench-render

SCRAPE_SERVER := $(BUILD)/tests/bench/scrape_server
$(SCRAPE_SERVER): $(SCRAPE_SERVER).o $$(call archives,tests/bench/scrape_server)
	@echo '  LINK  $@'
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(PACKAGE_LIBS) -lm

# What the check builds of them, so that they are there when they are needed.
bench-build: $(BARE_LOOP) $(BARE_SOCKET) $(RENDER_BENCH) $(SCRAPE_SERVER)
.PHONY: bench-build

bench-scrape: $(SCRAPE_SERVER) ## measure scrapes of 1,000 guests over HTTP, beside haproxy, node_exporter and a static buffer
	$(Q)QGA_SCRAPE_SERVER=$(abspath $<) /usr/bin/python3 tests/bench/scrape.py
.PHONY: bench-scrape

bench-fleet: $(BUILD)/qga-exporter $(SCRAPE_SERVER) ## count the series of real guests; measure Prometheus and VictoriaMetrics that scrape several hosts (root)
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 tests/bench/fleet.py
	$(Q)QGA_SCRAPE_SERVER=$(abspath $(SCRAPE_SERVER)) /usr/bin/python3 tests/bench/engines.py

bench-rules: $(BUILD)/qga-exporter ## measure the rules and the dashboards of Prometheus with 1,000 guests, or GUESTS (root)
	$(Q)QGA_EXPORTER=$(abspath $<) /usr/bin/python3 tests/bench/rules.py
.PHONY: bench-rules

# What the analyzer follows beyond so many states costs as much time again as all the rest.
TIDY_FLAGS = -std=c17 -D_GNU_SOURCE -Icollectors -Iexporter $(PACKAGE_CFLAGS) $(BUILD_DEFINES) $(PLACES) \
	-Xclang -analyzer-config -Xclang mode=$(TIDY_MODE),max-nodes=60000
# shallow: it does not follow calls into other functions, for a quarter of the time.
TIDY_MODE ?= deep
tidy: ## look for bugs with clang-tidy
	$(Q)find collectors exporter -name '*.c' -print0 | \
		xargs -0 -P $(shell nproc) -I FILE clang-tidy --quiet FILE -- $(TIDY_FLAGS) \
		2> >(grep -v ' warnings\? generated\.$$' >&2)
	$(Q)echo "ok    clang-tidy: $$(find collectors exporter -name '*.c' | wc -l) files"
.PHONY: tidy

format: ## format the C code
	clang-format -i $$(git ls-files --cached --others --exclude-standard '*.c' '*.h')
format-check: ## see whether it is
	$(Q)clang-format --dry-run -Werror $$(git ls-files --cached --others --exclude-standard '*.c' '*.h')

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: fuzz fuzz-build fuzz-seeds fuzz-replay fuzz-replay-run
.PHONY: e2e-asan e2e-tsan shares soak harmless drift valgrind
.PHONY: all demo check check-long unit unit-build unit-threaded format format-check clean help docs docs-check install install-documents uninstall FORCE
-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(METRICS).d $(CONFIGURATION).d $(wildcard $(BUILD)/tests/fuzz/*.d)
