"""`decide`, `reward` and `explain`: one decision by hand."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from banditcore.client import Client
from banditcore.commands.output import LOCAL, Json, Server, print_json, print_table
from banditcore.errors import InvalidInput
from banditcore.types import Explanation


def decide(
    experiment: Annotated[str, typer.Argument(help="Name of the experiment.")],
    unit: Annotated[str, typer.Argument(help="Customer or session id.")],
    attributes: Annotated[str, typer.Option(help="Context as JSON, such as '{\"age\": 31}'.")] = "{}",
    server: Server = LOCAL,
    as_json: Json = False,
) -> None:
    """Ask which variant to show one unit. It is a real decision: logged, and learned from once rewarded."""
    with Client(server) as client:
        decision = client.decide(experiment, unit, _attributes(attributes))
    if as_json:
        print_json(decision)
    else:
        print(f"{decision.variant}  ({decision.group.name}, p = {decision.propensity:.4f}, decision {decision.id})")


def _attributes(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"--attributes is not valid JSON: {error}", field="attributes") from None
    if not isinstance(value, dict):
        raise InvalidInput("--attributes must be a JSON object", field="attributes")
    return value


def reward(
    decision_id: Annotated[str, typer.Argument(help="The id that `decide` printed.")],
    goal: Annotated[str, typer.Argument(help="Name of the goal.")],
    value: Annotated[float, typer.Argument(help="What was earned.")],
    key: Annotated[str, typer.Option(help="Idempotency key for a further reward on the same goal.")] = "",
    server: Server = LOCAL,
    as_json: Json = False,
) -> None:
    """Record what a decision earned."""
    with Client(server) as client:
        result = client.record_reward(decision_id, goal, value, key=key)
    if as_json:
        print_json({"duplicate": result.duplicate, "resolved": result.resolved})
    else:
        print("known already" if result.duplicate else "recorded, learned" if result.resolved else "recorded")


def explain(
    decision_id: Annotated[str, typer.Argument(help="The id of the decision.")],
    server: Server = LOCAL,
    as_json: Json = False,
) -> None:
    """Recompute one decision and show everything that led to it."""
    with Client(server) as client:
        found = client.explain(decision_id)
    if as_json:
        print_json(found)
        return
    decision = found.decision
    rows = [
        (
            arm.variant,
            "yes" if arm.eligible else "no",
            f"{arm.score:.6g}",
            f"{arm.propensity:.6g}",
            ", ".join(
                f"{part.feature} {part.contribution:+.3g}"
                for part in sorted(arm.contributions, key=lambda part: -abs(part.contribution))[:3]
                if part.contribution
            ),
        )
        for arm in found.arms
    ]
    print_table(
        f"{decision.variant} for {decision.unit} in {decision.experiment} version {decision.version}",
        ("variant", "eligible", "score", "probability", "largest contributions"),
        rows,
        caption=(
            f"{decision.group.name}: bucket {found.holdout_bucket:.6f} against a holdout of {found.holdout_share:g}; "
            f"draw {found.draw:.6f}; {found.policy} with floor {found.floor:g} at position {decision.model_position}, "
            f"by {found.method}{_error(found)}; "
            f"recomputed {'equal' if found.recomputed else 'DIFFERENT'}"
        ),
    )


def _error(found: Explanation) -> str:
    stated = found.decision.certificate
    if not stated:
        return ""
    return f" (standard error {stated:.1g})" if found.method == "monte carlo" else f" (within {stated:.1g})"
