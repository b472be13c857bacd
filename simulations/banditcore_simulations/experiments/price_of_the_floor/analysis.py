"""The price of a floor is its share of the gain over uniform play; what it buys is a log that can answer questions."""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore.types import Floats
from banditcore_simulations.experiments.price_of_the_floor.sweep import ARMS, UNIFORM
from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.checking import shown, standard_error, values
from banditcore_simulations.lab.results import Results

SEEDS, OFF_BY, SMALL_OFF_BY = 12, 0.1, 0.25
"""How far rise over price may be from 1 over as many seeds, and over fewer. Learning gains a little from a floor, which
the price leaves out."""
PRECISE = "one model"
"""The world in which runs of one seed differ by little else than the floor."""
DETERMINISTIC = "lin_ucb"
SHARPER = 4.0


def analyse(results: Results) -> Analysis:
    """Price against theory, and the error of what is read from the log."""
    priced = Results([_with_error(row, results) for row in results.rows if row["policy"] != UNIFORM])
    return Analysis(
        summary=_summary(priced, results),
        pictures=[
            Picture(
                "price",
                "Regret by floor: it rises by the floor's share of the gain over uniform play. Bars are 95 % intervals "
                "over seeds.",
                pictures.dots(priced, "regret", x="floor", colour="policy", y_title="regret", x_title="floor"),
            ),
            Picture(
                "bought",
                "What the floor buys: how far off the mean reward of the uniform policy is, read from the log of "
                "another, in units of the gain over uniform play. Without a floor it is off by all of it for a policy "
                "that always has one favourite. Bars are 95 % intervals over seeds.",
                pictures.dots(
                    priced, "error", x="floor", colour="policy", y_title="error, share of the gain", x_title="floor"
                ),
            ),
        ],
        tables=[_table(priced, results)],
        checks=[*_prices(priced, results), *_bought(priced)],
    )


def _with_error(row: Any, results: Results) -> dict[str, Any]:
    """The row and how far its estimate is off, as a share of what uniform play loses a visit."""
    (uniform,) = results.where(world=row["world"], policy=UNIFORM, seed=row["seed"]).rows
    return {**row, "error": abs(row["estimate"] - uniform["estimate"]) / (uniform["regret"] / uniform["events"])}


def price(results: Results, world: str, policy: str, floor: float) -> tuple[Floats, Floats]:
    """(seeds,) rise of regret with the floor, and floor x gain over uniform play of the policy without one."""
    without = values(results, "regret", world=world, policy=policy, floor=0.0)
    rise = values(results, "regret", world=world, policy=policy, floor=floor) - without
    return rise, floor * (values(results, "regret", world=world, policy=UNIFORM) - without)


def _summary(priced: Results, results: Results) -> str:
    parts = []
    for (world, policy), group in priced.by("world", "policy"):
        rise, theory = price(results, world, policy, 0.02)
        before, after = (values(group, "error", floor=floor) for floor in (0.0, 0.02))
        parts.append(
            f"{policy}: regret rises by {shown(rise)}, {rise.mean() / theory.mean():.2f} times the price, and the "
            f"error of an evaluation goes from {shown(before, 2)} to {shown(after, 2)} of the gain"
        )
    return (
        "A floor costs its share of the gain over uniform play. What it buys is a log from which the value of the "
        f"uniform policy can be read. A floor of .02 over {results.rows[0]['events']:,} visits (mean and standard "
        f"error): {'; '.join(parts)}."
    )


def _table(priced: Results, results: Results) -> Table:
    rows = []
    for (world, policy, floor), group in priced.by("world", "policy", "floor"):
        rise, theory = price(results, world, policy, floor)
        ratio = f"{rise.mean() / theory.mean():.2f} ± {standard_error(rise) / theory.mean():.2f}" if floor else ""
        covered, effective = group.column("covered").mean(), group.column("effective").mean()
        shares = f"{covered:.2f}", f"{effective:.2%}", shown(group.column("error"), 2)
        rows.append((world, policy, floor, shown(group.column("regret")), ratio, *shares))
    columns = ("world", "policy", "floor", "regret", "rise / price", "covered", "effective", "error")
    caption = (
        "Price: floor x gain over uniform play. Covered: the mean weight of an evaluation of the uniform policy on the "
        "log, 1 where nothing is missing; a large effective share (Kish) means nothing without it. Error: of that "
        "evaluation, as a share of the gain."
    )
    return Table("Price of the floor", columns, rows, caption)


def _off_by(found: Floats) -> float:
    return OFF_BY if len(found) >= SEEDS else SMALL_OFF_BY


def _prices(priced: Results, results: Results) -> list[Check]:
    """Within OFF_BY, or 3 standard errors of a noisy pair in other worlds than PRECISE. False alarm: 1e-2 each."""
    checks = []
    for (world, policy, floor), _ in priced.by("world", "policy", "floor"):
        if floor >= 0.02:
            rise, theory = price(results, world, policy, floor)
            ratio, error = rise.mean() / theory.mean(), standard_error(rise - theory) / theory.mean()
            what = f"{policy}: rise of regret over {floor:g} x gain over uniform"
            wide = _off_by(rise) if world == PRECISE else max(_off_by(rise), 3.0 * error)
            checks.append(
                Check(what, f"{ratio:.3f} ± {error:.2f}", f"within {wide:.2f} of 1", bool(abs(ratio - 1.0) <= wide))
            )
    return checks


def _bought(priced: Results) -> list[Check]:
    """A favourite everywhere gives E w^2 in closed form; without a floor its log says nothing. False alarm: 1e-2."""
    own = priced.where(policy=DETERMINISTIC)
    checks = []
    for floor in own.values("floor"):
        if floor >= 0.02:
            found = values(own, "effective", floor=floor)
            favourite = 1.0 - floor + floor / ARMS
            theory = ARMS**2 / (1.0 / favourite + (ARMS - 1) * ARMS / floor)
            what = f"{DETERMINISTIC}, floor {floor:g}: effective share for the uniform policy"
            near = bool(abs(found.mean() / theory - 1.0) <= _off_by(found))
            checks.append(Check(what, f"{found.mean():.2%}", f"{theory:.2%}, within {_off_by(found):g} of it", near))
    blind, seeing = (values(own, "error", floor=floor).mean() for floor in (0.0, 0.02))
    return [
        *checks,
        Check(
            f"{DETERMINISTIC}: a floor of .02 makes the log tell what uniform play earns",
            f"error {blind:.2f} without, {seeing:.2f} with",
            f"without it more than {SHARPER:g} times the error",
            bool(np.isfinite(blind) and blind > SHARPER * seeing),
        ),
    ]
