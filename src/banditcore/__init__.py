"""A contextual bandit engine for personalisation.

`DecisionEngine` on a store is the whole product in one process; `banditcore serve` puts it behind gRPC and
`banditcore.client` calls it there. Policies for researchers are in `banditcore.policies`.
"""

from banditcore.config import ExperimentSpec, load_toml, parse_experiment, parse_toml
from banditcore.engine import DecisionEngine
from banditcore.storage.memory import MemoryStore
from banditcore.storage.sqlite import SqliteStore

__version__ = "0.1.0"

__all__ = [
    "DecisionEngine",
    "ExperimentSpec",
    "MemoryStore",
    "SqliteStore",
    "load_toml",
    "parse_experiment",
    "parse_toml",
]
