"""Subcommands of `banditcore`, one function each, registered in pyproject.toml."""
