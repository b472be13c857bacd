"""What the stores do in a second, how far models lag behind them, and what does not change as the log grows.

`make bench-stores` writes docs/benchmarks/stores.md and stores.json. Needs the packages of `[dev]`: the PostgreSQL is
the one of the tests.
"""
