"""An evaluation on a terminal: what must be known first, what is never shown, and that names change nothing."""

from __future__ import annotations

from dataclasses import replace

import evaluations as made
import pytest

from banditcore.commands.evaluation_text import print_evaluation, print_replay
from banditcore.evaluated import Evaluation, Replay


def printed(found: Evaluation | Replay, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    if isinstance(found, Evaluation):
        print_evaluation(found)
    else:
        print_replay(found)
    return capsys.readouterr().out


def words(text: str) -> str:
    """The text on one line, so that it does not matter where it was broken."""
    return " ".join(text.split())


def row(text: str, name: str) -> list[str]:
    """The cells of the first row of a table that begins so."""
    line = next(line for line in text.splitlines() if line.startswith(f"│ {name}"))
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_what_must_be_known_first_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    text = words(printed(made.SHOP, capsys))
    order = [
        "Can this log carry it? Yes.",
        "20,000 rows of 11,842 units, mean reward 0.1104 +- 0.0022.",
        "Left out: 211 the policy did not draw the arm (fallback), 12 no propensity.",
        "propensities fit worst is new arrivals",
        "`banditcore evaluate LOG` alone lists what it can and cannot answer.",
        "2 of 6 targets would have earned more",
        "What a decision of each target would have earned",
        "always:new arrivals, AMBER: Its effective sample is 188 rows",
        "always:gift card, REFUSED: Its effective sample is 37 rows",
        "Whatever the overlap, its value is in 0.031 .. 0.412.",
        "The same by other estimators",
        "The best of 5 looks better than it is",
        "first 10,000 rows",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "found",
    [made.EVALUATIONS["none"], replace(made.SHOP, health=replace(made.HEALTH, status="amber", reasons=("so so",)))],
    ids=["nothing asked", "amber"],
)
def test_what_a_log_cannot_answer_is_listed_where_it_matters(
    found: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    text = words(printed(found, capsys))
    order = [
        "left out, 211 rows: the policy did not draw the arm (fallback)",
        "can answer: intervals for customers",
        "CANNOT answer: what gift card would earn",
        "propensities fit worst is new arrivals",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "CANNOT" not in printed(made.SHOP, capsys)


def test_without_units_the_reader_is_warned_also_in_short(capsys: pytest.CaptureFixture[str]) -> None:
    text = words(printed(replace(made.SHOP, health=replace(made.HEALTH, has_units=False)), capsys))
    assert "20,000 rows, no units" in text and "errors are too small where people return" in text


def test_what_holds_for_all_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    noted = tuple(replace(target, notes=("of March", target.target.upper())) for target in made.TARGETS)
    text = words(printed(replace(made.SHOP, targets=noted), capsys))
    assert text.count("Of March.") == 1 and "All targets: Of March." in text
    assert all(target.target.upper() in text for target in noted)
    assert "always:sale: ALWAYS:SALE." in text
    alone = words(printed(replace(made.SHOP, targets=noted[2:3]), capsys))
    assert "All targets" not in alone and "always:sale: Of March. ALWAYS:SALE." in alone


def test_why_a_log_is_refused_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    health = replace(made.HEALTH, status="refused", reasons=("propensities are wrong",))
    unknown = {"lower": float("nan"), "upper": float("nan")}
    both = tuple(
        replace(made.refused(name, **unknown), reasons=("propensities are wrong", *more))
        for name, more in (("a", ()), ("b", ("its weights too",)))
    )
    text = words(printed(replace(made.SHOP, health=health, targets=both), capsys))
    assert text.count("Propensities are wrong.") == 1
    assert "All targets: Not even bounds are known." in text and "b, REFUSED: Its weights too." in text


def test_a_bootstrap_stands_beside_the_interval(capsys: pytest.CaptureFixture[str]) -> None:
    targets = (replace(made.TARGETS[0], bootstrap_low=0.12699, bootstrap_high=0.13551), *made.TARGETS[1:])
    assert "Bootstrap by unit, 95%: lin_ucb:alpha=0.5 0.1270 .. 0.1355." in words(
        printed(replace(made.SHOP, targets=targets), capsys)
    )
    assert "Bootstrap" not in printed(made.SHOP, capsys)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(made.SHOP, capsys)
    cells = ["green: earns less", "0.0802", "0.0741..0.0863", "-0.0302", "-0.0363..-0.0241", "4,200", "0.4%"]
    assert row(text, "always:plain") == ["always:plain", *cells]
    assert row(text, "always:gift card")[1:] == ["REFUSED", "-", "-", "-", "-", "37", "12.4%"]
    others = text[text.index("The same by") :]
    assert row(others, "always:plain")[1:] == ["0.0802", "0.0814", "0.0793", "0.0749", "0.0796"]
    assert words(text).count("biased in a way that no interval shows") == 1


def test_a_refused_target_shows_no_number_whatever_it_carries(capsys: pytest.CaptureFixture[str]) -> None:
    carrying = replace(made.target("x", 0.7777), status="refused", reasons=("poor",))
    text = printed(replace(made.SHOP, targets=(carrying,)), capsys)
    assert "0.777" not in text and "0.667" not in text


def test_a_replay(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(made.REPLAY, capsys)
    found = ["green: earns more", "rejection", "0.1294", "0.0045", "0.1274..0.1314", "4,000", "20,000", "20"]
    assert row(text, "lin_ucb:alpha=0.5")[1:] == found
    assert row(text, "neural")[1:6] == ["REFUSED", "rejection", "-", "-", "-"]
    assert "(the log: 0.1104)" in text
    assert "neural:width=64, REFUSED: It accepted 61 rows" in words(text)


@pytest.mark.parametrize("name", [*made.EVALUATIONS, *(f"replay-{name}" for name in made.REPLAYS)])
def test_every_shape_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    replay = name.removeprefix("replay-")
    text = printed(made.EVALUATIONS[name] if name in made.EVALUATIONS else made.REPLAYS[replay], capsys)
    assert "nan" not in text.lower()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 120
    if "hostile" in name:
        assert "[red]" in text and "<script>" in text


def test_a_long_name_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(made.FORTY, capsys)
    table = text[text.index("What a decision") : text.index("The same by")]
    first = "".join(line.split("│")[1].strip() for line in table.splitlines() if line.startswith("│"))
    assert f"{made.LONG}0" in first


def test_main_estimators_that_are_apart_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = made.SHOP
    first, *others = found.targets
    apart = replace(found, targets=(replace(first, estimators_apart=3.25), *others))
    assert f"standard errors apart for {first.target} (3.2)" in words(printed(apart, capsys))
    near = replace(found, targets=tuple(replace(target, estimators_apart=1.9) for target in found.targets))
    assert "standard errors apart for" not in words(printed(near, capsys))
