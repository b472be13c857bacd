"""banditcore beside the libraries a user could pick instead: the same stream, each through its own public calls.

`make bench-peers` builds a venv, measures and writes `docs/benchmarks/peers.json` and `peers.md`. A library is one
file in `libraries/`; nothing else is edited to add one.
"""
