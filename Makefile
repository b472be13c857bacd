# `make demo` and `make test` do everything on a fresh clone: Python 3.11+, a C compiler and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROTOS := $(wildcard proto/banditcore/v1/*.proto)

.PHONY: demo run test lint types proto proto-check bench sdist interop clean

$(READY): pyproject.toml setup.py $(wildcard src/banditcore/kernels/*.pyx src/banditcore/kernels/*.pxd)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

demo: $(READY)
	$(BIN)/python -m banditcore_simulations.demo

run: $(READY)
	$(BIN)/banditcore serve --data banditcore-data --apply examples/digits.toml

test: $(READY)
	$(BIN)/pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/buf lint

types: $(READY)
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/pytest tests/bench --benchmark-columns=min,median,ops -s

clean:
	rm -rf $(VENV) .venv-proto build dist demo-data src/*.egg-info
	find src -name '*.so' -delete
