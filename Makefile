# Everything sets itself up: only git, make and python3 have to be there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AGENT := $(BIN)/virt-agent
ADDRESS ?= 127.0.0.1:10480

.PHONY: run test test-lowest lint format bench lab lab-update clean

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

# The quick suite with the libraries that Ubuntu 22.04 ships.
test-lowest: packaging/lowest.txt
	sh packaging/venv.sh $(PYTHON) .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet -r packaging/lowest.txt
	.venv-lowest/bin/python -m pytest -q

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

# Real Xen guests under QEMU's emulation: root, Debian, 5 GB of memory, most of an hour. tests/lab/README.md says more.
lab:
	$(PYTHON) -m tests.lab

# The same, and its guests' snapshots become those of tests/guests.
lab-update:
	$(PYTHON) -m tests.lab --update

clean:
	rm -rf $(VENV) .venv-lowest build dist

$(VENV)/.ready: pyproject.toml packaging/venv.sh
	sh packaging/venv.sh $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
