"""`apply`, `list`, `pause`, `resume` and `archive`: experiments on a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from banditcore.client import Client
from banditcore.commands.output import LOCAL, Json, Server, print_json, print_table, say
from banditcore.commands.words import frozen
from banditcore.types import Experiment

Name = Annotated[str, typer.Argument(help="Name of the experiment.")]


def apply(
    file: Annotated[str, typer.Argument(help="TOML file that declares the experiments.")],
    server: Server = LOCAL,
    as_json: Json = False,
) -> None:
    """Declare or change the experiments of a TOML file; applying twice changes nothing.

    Says for each what its holdout can show, or what the file should say about the expected for that.
    """
    with Client(server) as client:
        applied = client.apply(file)
    _show(applied, as_json)
    if not as_json:
        for item in applied:
            say(f"{item.spec.name}: {item.planning}")


def list_(server: Server = LOCAL, as_json: Json = False) -> None:
    """List the experiments."""
    with Client(server) as client:
        _show(list(client.list()), as_json)


def pause(name: Name, server: Server = LOCAL, as_json: Json = False) -> None:
    """Stop deciding; rewards go on counting."""
    with Client(server) as client:
        _show([client.pause(name)], as_json)


def resume(name: Name, server: Server = LOCAL, as_json: Json = False) -> None:
    """Decide again after a pause, or by the policy again after an alarm froze it."""
    with Client(server) as client:
        _show([client.resume(name)], as_json)


def archive(name: Name, server: Server = LOCAL, as_json: Json = False) -> None:
    """Stop deciding for good; rewards go on counting."""
    with Client(server) as client:
        _show([client.archive(name)], as_json)


def _show(experiments: Sequence[Experiment], as_json: bool) -> None:
    if as_json:
        print_json(experiments)
        return
    rows = [
        (
            item.spec.name,
            str(item.version),
            item.status.upper() if item.status == "frozen" else item.status,
            item.spec.policy.name,
            str(sum(arm.active for arm in item.arms)),
            f"{item.spec.holdout:g}",
            item.spec.learn,
            str(item.position),
        )
        for item in experiments
    ]
    columns = ("experiment", "version", "status", "policy", "variants", "holdout", "learns from", "model position")
    print_table("Experiments", columns, rows)
    for item in experiments:
        if item.status == "frozen":
            say(frozen(item.spec.name), alarm=True)
