"""What `banditcore serve` was asked for. Imports nothing heavy, so that a mistake is told at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from banditcore_server.addresses import Address, CannotListen, parse


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
    page: str = ""
    """HOST:PORT; empty: there is no page."""
    page_cert: Path | None = None
    page_key: Path | None = None
    page_token: Path | None = None
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

    def page_address(self) -> Address | None:
        """Where the page is served, if anywhere. Raises CannotListen."""
        files = (self.page_cert, self.page_key, self.page_token)
        if not self.page:
            if any(files):
                raise CannotListen("--page-cert, --page-key and --page-token go with --page HOST:PORT: add it")
            return None
        if (self.page_cert is None) != (self.page_key is None):
            raise CannotListen("--page-cert and --page-key belong together: give both")
        remedy = "give --page-cert FILE, --page-key FILE and --page-token FILE (--insecure-listen is for calls only)"
        return parse("--page", self.page, example="127.0.0.1:7480", everyone=all(files), remedy=remedy)
