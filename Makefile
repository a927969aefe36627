# A thin front over Meson: what to type, not how it is built. `make help` lists it.
PYTHON = /usr/bin/python3
MESON = /usr/bin/meson
PREFIX = /usr/local
DESTDIR =
ONCE ?=
ONLY =
FUZZ_SECONDS = 60
FUZZ_RUNS = 0
FUZZ_TARGETS =
POINTS = 1000000
SEED = 1
MESSAGES = 20000
ROUNDS = 3
WORK = /var/tmp
PEERS =
SHORT =

ifneq ($(wildcard $(PYTHON)),$(PYTHON))
ifeq ($(SETUP),no)
PYTHON = python3
MESON = meson
endif
endif

.PHONY: all help run test check bench crash kill fuzz model install deb clean release asan

all: release

help:
	@echo "make run      build, start on 127.0.0.1:2525, send a first mail (ONCE=1: then end)"
	@echo "make          build build/release/src/postern"
	@echo "make test     every test, under sanitizers (ONLY=text: those whose name holds it)"
	@echo "make check    the rules of the house: layers, sizes, format, references"
	@echo "make bench    beside other mail servers, ROUNDS=$(ROUNDS) on WORK=$(WORK) (SHORT=1: once)"
	@echo "make crash    POINTS=$(POINTS) simulated power cuts of the spool, from SEED=$(SEED)"
	@echo "make kill     MESSAGES=$(MESSAGES) received while the server is killed again and again"
	@echo "make fuzz     each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS), or FUZZ_RUNS inputs"
	@echo "make model    all sequences of 6 commands against the model (minutes)"
	@echo "make install  to PREFIX=$(PREFIX), below DESTDIR"
	@echo "make deb      build/postern_VERSION_ARCH.deb"
	@echo "make clean    remove build/ and run/"

build/release/build.ninja:
	$(MESON) setup build/release --buildtype=release -Dtests=false --prefix=$(PREFIX)

build/asan/build.ninja:
	$(MESON) setup build/asan -Db_sanitize=address,undefined

build/proof/build.ninja:
	$(MESON) setup build/proof --buildtype=debugoptimized

build/fuzz/build.ninja:
	CC=clang $(MESON) setup build/fuzz -Dfuzz=true -Dtests=false -Db_lundef=false \
		-Db_sanitize=address,undefined

release:
	@tools/setup build
	@$(MAKE) --no-print-directory build/release/build.ninja
	ninja -C build/release

asan:
	@tools/setup build test
	@$(MAKE) --no-print-directory build/asan/build.ninja
	ninja -C build/asan

run: release
	@tools/setup run
	@ONCE=$(ONCE) $(PYTHON) tools/run_first

test: asan
	@$(PYTHON) tools/run_tests $(if $(ONLY),--only '$(ONLY)')

check:
	@tools/setup build test
	@tools/check

bench: release
	@tools/setup bench
	@ROUNDS=$(ROUNDS) WORK=$(WORK) PEERS=$(PEERS) $(PYTHON) bench/run $(if $(SHORT),--quick)

crash:
	@tools/setup build test
	@$(MAKE) --no-print-directory build/proof/build.ninja
	ninja -C build/proof tests/crash/crash-proof
	@nice build/proof/tests/crash/crash-proof $(POINTS) $(SEED)

kill: asan
	@POSTERN_KILL_MESSAGES=$(MESSAGES) $(PYTHON) -m pytest -q -s -p no:cacheprovider \
		tests/outside/test_kill.py

fuzz:
	@tools/setup build fuzz
	@$(MAKE) --no-print-directory build/fuzz/build.ninja
	ninja -C build/fuzz
	@RUNS=$(FUZZ_RUNS) tools/run_fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

build/model/build.ninja:
	$(MESON) setup build/model --buildtype=release

model:
	@tools/setup build test
	@$(MAKE) --no-print-directory build/model/build.ninja
	ninja -C build/model tests/model
	@build/model/tests/model 6

install: release
	@tools/setup install
	$(MESON) setup --reconfigure build/release --prefix=$(PREFIX)
	ninja -C build/release
	DESTDIR=$(DESTDIR) $(MESON) install -C build/release

deb:
	@tools/setup build install
	@tools/deb

clean:
	rm -rf build run
