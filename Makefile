# Everything sets itself up: only git, make and python3 have to be there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AGENT := $(BIN)/virt-agent
ADDRESS ?= 127.0.0.1:10480
# The tools' versions, and that of the setuptools with which pip builds: older pips know it by the first, newer by the second.
TOOLS := packaging/pins/tools.txt
PINNED := PIP_CONSTRAINT=$(TOOLS) PIP_BUILD_CONSTRAINT=$(TOOLS)

.PHONY: run test test-lowest test-versions lint format deb wheel pins audit bench reliability soak fuzz lab lab-update vm-test e2e fleet clean

run: $(VENV)/.ready
	@$(AGENT) --check || true
	@echo
	@$(AGENT) --serve --web.listen-address $(ADDRESS)

test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -q

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The quick suite with the libraries that each Ubuntu release ships; `test` has the newest.
test-lowest: test-with-ubuntu-22.04
test-versions: $(patsubst packaging/versions/%.txt,test-with-%,$(wildcard packaging/versions/*.txt))

test-with-%: packaging/versions/%.txt
	sh packaging/venv.sh $(PYTHON) .venv-$*
	$(PINNED) .venv-$*/bin/python -m pip install --quiet -r $<
	.venv-$*/bin/python -m pytest -q

# Both into dist/, built in a copy. Any python3 will do for the Debian package.
deb:
	$(PYTHON) packaging/build.py deb

wheel: $(VENV)/.ready
	$(BIN)/python packaging/build.py wheel

# The exact versions that `make test` installs, written anew.
pins: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python packaging/pins.py

# Known vulnerabilities in them; 2 where nobody could be asked. SERVICE: words for pip-audit, for another service.
audit: $(VENV)/.dev
	$(PINNED) $(BIN)/python -m pip install --quiet --constraint packaging/pins/slow.txt --editable '.[audit]'
	$(BIN)/python -m tests.supply audit $(SERVICE)

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

# What is promised where things break, where clients are hostile, and under load: docs/reliability.md. Root, Debian, ten minutes.
reliability: $(VENV)/.dev
	$(BIN)/python -m tests.reliability

# 100,000 scrapes of this machine and of a guest with many devices, half an hour each at least.
soak: $(VENV)/.dev
	$(BIN)/python -m tests.reliability --only load --long --write

# Every parser of foreign bytes, by coverage, for so many SECONDS of each processor; then snapshots that are made to harm.
fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --constraint packaging/pins/slow.txt --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz --coverage --seconds $(or $(SECONDS),1800)
	$(BIN)/python -m tests.fuzz --bombs

# Real Xen guests under QEMU's emulation: root, Debian, 5 GB of memory, most of an hour. tests/lab/README.md says more.
lab:
	$(PYTHON) -m tests.lab

# The same, and its guests' snapshots become those of tests/guests.
lab-update:
	$(PYTHON) -m tests.lab --update

# An alert's whole way, from a file in /sys to the pager. Needs Debian's prometheus and prometheus-alertmanager.
e2e: $(VENV)/.dev
	$(BIN)/python -m tests.e2e

# What a fleet costs; docs/scale.md says how its tables are written anew.
fleet: $(VENV)/.dev
	$(BIN)/python -m tests.fleet --guests 200 --minutes 1

# Debian with systemd under QEMU's emulation, and the package in it: root, Debian, 1 GB of memory. SUITE=trixie: Debian 13.
vm-test:
	$(PYTHON) -m tests.vm --suite $(or $(SUITE),bookworm)

clean:
	rm -rf $(VENV) .venv-* build dist

$(VENV)/.ready: pyproject.toml packaging/venv.sh
	sh packaging/venv.sh $(PYTHON) $(VENV)
	$(PINNED) $(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.ready packaging/pins/libraries.txt $(TOOLS)
	$(PINNED) $(BIN)/python -m pip install --quiet --constraint packaging/pins/libraries.txt --editable '.[dev]'
	@touch $@
