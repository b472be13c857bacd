"""`banditcore`: the command line. Subcommands arrive by the entry point group `banditcore.commands`.

An entry point names a function, which is a command, or a `typer.Typer`, which is a group of them.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from banditcore.errors import BanditcoreError


def build() -> typer.Typer:
    """The application with every installed subcommand, loading only the one that was asked for."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Personalise, log every probability, and measure the lift against a holdout.",
    )
    found = sorted(entry_points(group="banditcore.commands"), key=lambda entry: entry.name)
    wanted = {argument for argument in sys.argv[1:2] if argument in {entry.name for entry in found}}
    for entry in found:
        # A command starts in the time of its own imports, not of everybody's.
        if not wanted or entry.name in wanted:
            loaded = entry.load()
            if isinstance(loaded, typer.Typer):
                app.add_typer(loaded, name=entry.name)
            else:
                app.command(entry.name)(loaded)
    # Typer runs a lone command without its name; a callback keeps the name.
    app.callback()(lambda: None)
    return app


def main() -> None:
    """Runs the command line: one line and exit 2 on bad input, exit 1 when a check failed."""
    try:
        build()(prog_name="banditcore")
    except BanditcoreError as error:
        print(f"banditcore: {error.message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough.
        sys.stderr.close()
        sys.exit(0)
