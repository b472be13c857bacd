"""Text of Vowpal Wabbit: labels that count from 1, features hashed, one line or several a decision.

The known answer is of the shape of `rcv1_raw_cb_small.vw` of the repository VowpalWabbit/vowpal_wabbit: 1,000 rows of
words, two arms, p = 0.5, of which 504 show arm 1 and 496 arm 2; a constant arm costs 0.448 and 0.506 by IPS,
0.4444444444 and 0.5100806452 by SNIPS. So 224 of the 504 cost 1, and 253 of the 496.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.formats import read_log


def log_of(tmp_path: Path, text: str, **options: Any) -> BanditLog:
    path = tmp_path / "log.vw"
    path.write_text(text)
    return read_log(path, **options)


def test_a_log_of_words(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = [(1, cost) for cost in [1] * 224 + [0] * 280] + [(2, cost) for cost in [1] * 253 + [0] * 243]
    lines = []
    for at in random.permutation(1000):
        words = " ".join(f"w{word}:{random.random():.4f}" for word in random.integers(5000, size=20))
        lines.append("{}:{}:0.5 | {}".format(*rows[at], words))
    log = log_of(tmp_path, "\n".join(lines) + "\n")
    found = log.load()
    assert log.variants == ("1", "2") and len(found) == log.rows == 1000 and found.contexts.shape == (1000, 32)
    for arm, shown, ips, snips in [(0, 504, 0.448, 0.4444444444), (1, 496, 0.506, 0.5100806452)]:
        weights = (found.arms == arm) / found.propensity
        assert (found.arms == arm).sum() == shown
        assert np.mean(weights * -found.rewards) == pytest.approx(ips, abs=1e-12)
        assert np.sum(weights * -found.rewards) / weights.sum() == pytest.approx(snips, abs=5e-11)


def test_features_are_hashed_with_their_namespace_and_weight(tmp_path: Path) -> None:
    def context(features: str) -> Any:
        return log_of(tmp_path, f"1:0:1 {features}\n", dims=4096).load().contexts[0]

    one = context("| a")
    assert abs(one).sum() == 1 and (context("| a:2.5") == 2.5 * one).all() and (context("|  a  |") == one).all()
    assert (context("|x a") != one).any() and (context("|x:3 a:2") == 6 * context("|x a")).all()
    assert (context("| a |x a") == one + context("|x a")).all() and not context("|").any()


def test_several_actions_that_are_listed_are_those_that_could_be_shown(tmp_path: Path) -> None:
    log = log_of(tmp_path, "1 3:0.5:0.25 | a\n2:1:0.5 | a\n\n'tag| no label\n1 | none either\n2:1:0.5 'tag| a\n")
    rows = log.load()
    assert log.n_arms == 3 and rows.arms.tolist() == [2, 1, 1] and rows.rewards.tolist() == [-0.5, -1, -1]
    assert rows.eligible is not None and rows.eligible.tolist() == [[True, False, True], [True] * 3, [True] * 3]
    assert rows.left_out == {"no label": 2}
    assert log_of(tmp_path, "2:1:0.5 | a\n", n_arms=4).variants == ("1", "2", "3", "4")


ADF = """shared |user age:2
0:1:0.25 |item cheap
|item dear

shared |user age:3
|item cheap
|item dear
0:0:0.5 |item odd
"""


def test_one_line_an_action(tmp_path: Path) -> None:
    log = log_of(tmp_path, ADF, dims=4096)
    rows = log.load()
    assert log.variants == ("1", "2", "3") and rows.arms.tolist() == [0, 2] and rows.rewards.tolist() == [-1, 0]
    assert rows.propensity.tolist() == [0.25, 0.5]
    assert rows.eligible is not None and rows.eligible.tolist() == [[True, True, False], [True] * 3]
    assert rows.contexts.shape == (2, 3, 4096) and abs(rows.contexts).sum(axis=2).tolist() == [[3, 3, 0], [4, 4, 4]]
    own = log_of(tmp_path, ADF, dims=4096, arm_features=False).load().contexts
    assert own.shape == (2, 4096) and abs(own).sum(axis=1).tolist() == [2, 3]


def test_one_line_an_action_without_a_shared_one(tmp_path: Path) -> None:
    text = "\n".join(line for line in ADF.splitlines() if not line.startswith("shared"))
    assert log_of(tmp_path, text).load().arms.tolist() == [0, 2]
    lonely = "0:1:0.5 | a\n| b\n"
    assert log_of(tmp_path, lonely, adf="true").load().arms.tolist() == [0]
    with pytest.raises(InvalidInput, match="action is 0"):
        log_of(tmp_path, lonely, adf=False).load()


def test_a_decision_that_only_has_a_shared_line(tmp_path: Path) -> None:
    text = "shared | a\n\n" + ADF
    with pytest.raises(InvalidInput, match="row 1: action is missing: there is a shared line and nothing else"):
        log_of(tmp_path, text).load()
    assert len(log_of(tmp_path, text, lenient=True).load()) == 2


def test_the_number_of_lines_of_a_decision_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="more than 10,000 lines without a blank one"):
        log_of(tmp_path, "shared | a\n" + "| b\n" * 10_001)


def test_pages_hold_no_more_than_memory_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditcore.formats.lines._CELLS", 32 * 3)
    assert [len(rows) for rows in log_of(tmp_path, "1:0:1 | a\n" * 7).pages()] == [3, 3, 1]
