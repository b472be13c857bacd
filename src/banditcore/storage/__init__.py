"""Stores: where the log lives. `base` is the contract, the other modules keep it."""
