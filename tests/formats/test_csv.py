"""Plain CSV: which column means what."""

from pathlib import Path
from typing import Any

import pytest

from banditcore.bandit_log import BanditLog, hash_units
from banditcore.errors import InvalidInput
from banditcore.formats import read_log


def log_of(tmp_path: Path, text: str, **options: Any) -> BanditLog:
    path = tmp_path / "log.csv"
    path.write_text(text)
    return read_log(path, **options)


def test_variants_with_their_vectors(tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        "Variant,Reward,p_Sale,p_plain,age,Time,User\n"
        'plain,1,0.25,0.75,30,2024-01-31T17:05:00Z,"ann"\nSale,0,0.5,0.5,40,1706720701,bob\n\n',
    )
    rows = log.load()
    assert log.variants == ("Sale", "plain") and log.features == ("age",) and log.rows == 2
    assert rows.arms.tolist() == [1, 0] and rows.rewards.tolist() == [1, 0]
    assert rows.propensity.tolist() == [0.75, 0.5] and rows.contexts.tolist() == [[30], [40]]
    assert rows.propensities is not None and rows.propensities.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert rows.times is not None and rows.times.tolist() == [1706720700, 1706720701]
    assert rows.units is not None and rows.units.tolist() == hash_units(["ann", "bob"]).tolist()


def test_variants_that_are_found_are_sorted(tmp_path: Path) -> None:
    log = log_of(tmp_path, "variant,reward,propensity\nb,1,0.5\n10,0,0.5\na,0,0.5\n")
    assert log.variants == ("10", "a", "b") and log.load().arms.tolist() == [2, 0, 1]
    assert log.features == ("constant",) and log.load().contexts.tolist() == [[1]] * 3


def test_arms_count_from_0(tmp_path: Path) -> None:
    text = "arm,reward,propensity\n2,1,0.5\n0,0,0.5\n"
    log = log_of(tmp_path, text)
    assert log.variants == ("0", "1", "2") and log.load().arms.tolist() == [2, 0]
    assert log_of(tmp_path, text, n_arms=5).n_arms == 5
    with pytest.raises(InvalidInput, match="counts from 0, the file seems to count from 1, found 2"):
        log_of(tmp_path, text, n_arms=2).load()
    with pytest.raises(InvalidInput, match="call the column variant"):
        log_of(tmp_path, "arm,reward,propensity\n2,1,0.5\n1,0,0.5\n")
    assert log_of(tmp_path, "arm,reward,p_1,p_2\n2,1,0.5,0.5\n1,0,0.5,0.5\n").load().arms.tolist() == [1, 0]


def test_the_context_can_be_chosen(tmp_path: Path) -> None:
    text = ",variant,reward,propensity,age,city,visits\n0,a,1,0.5,30,Oslo,2\n1,b,0,0.5,40,Rome,3\n"
    with pytest.raises(InvalidInput, match=r"city holds text, found 'Oslo': .* with context='age,visits'"):
        log_of(tmp_path, text)
    log = log_of(tmp_path, text, context="visits, age")
    assert log.features == ("visits", "age") and log.load().contexts.tolist() == [[2, 30], [3, 40]]
    assert log_of(tmp_path, text, context="").features == ("constant",)
    with pytest.raises(InvalidInput, match="no column town"):
        log_of(tmp_path, text, context="town")
