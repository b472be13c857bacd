"""What `banditcore serve` was asked for. Imports nothing heavy, so that a mistake is told at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from banditcore_server.addresses import Address, parse


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, as given."""

    data: str
    """A directory, or the URL of a PostgreSQL database."""
    listen: str
    apply: tuple[Path, ...] = ()
    insecure_listen: bool = False
    log_level: str = "info"
    max_streams: int = 128
    metrics: str = ""
    """HOST:PORT; empty: none are served."""
    worker: int | None = None
    """Index among the workers that share one port under a supervisor; None: alone."""

    def address(self) -> Address:
        """Where calls come in. Raises CannotListen."""
        return parse("--listen", self.listen, example="127.0.0.1:7437", everyone=self.insecure_listen)

    def metrics_address(self) -> Address | None:
        """Where metrics are served, if anywhere. Raises CannotListen."""
        if not self.metrics:
            return None
        return parse("--metrics", self.metrics, example="127.0.0.1:9437", everyone=self.insecure_listen)
