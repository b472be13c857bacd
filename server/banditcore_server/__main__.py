"""`python -m banditcore_server`: the same as `banditcore serve`."""

import typer

from banditcore_server.command import serve

typer.run(serve)
