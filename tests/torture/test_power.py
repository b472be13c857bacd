"""The power goes, again and again, in the middle of commits, checkpoints and restarts: what was acknowledged is there.

The disk is simulated (`tests/support/disk.py`): whatever no sync has covered is lost, kept or torn at 512 bytes. The
controls are the same store told to sync less, which the same checks must catch.
"""

from collections.abc import Callable
from random import Random

import pytest
from disk import Disk, Faults
from power import Shop, cuts, faulty

from banditcore.errors import StoreUnavailable
from banditcore.storage import sqlite

RUNS = {True: 150, False: 6}
"""Of shops on a disk that fails; each has 60 commits."""


def test_no_cut_loses_what_was_acknowledged(full: bool, note: Callable[[str, str], None]) -> None:
    seen = cuts(1_000 if full else 60, seed=1)
    assert [losses for losses in seen.losses if losses] == []
    assert seen.acknowledged > 10 * len(seen.losses)
    assert seen.failed > len(seen.losses), "cuts must hit calls on their way"
    note(f"P2 power cuts of {len(seen.losses)} that lost something acknowledged", "0")


@pytest.mark.parametrize(("synchronous", "least"), [("normal", 0.4), ("off", 0.7)])
def test_a_store_that_syncs_less_is_caught(
    full: bool, synchronous: str, least: float, note: Callable[[str, float], None]
) -> None:
    # 0.66 and 0.91 of 100 cuts.
    share = cuts(400 if full else 40, 2, synchronous, checkpoints=[None]).share
    assert share > least
    note(f"P2 share of cuts that synchronous={synchronous} loses in", share)


def test_a_disk_that_lies_is_caught() -> None:
    shop = Shop(Random(1), Disk(lying=True))
    for _ in range(20):
        shop.turn()
    assert shop.after_cut()


@pytest.mark.parametrize("shares", [{"sync": 0.05}, {"write": 0.02}, {"sync": 0.05, "write": 0.01}], ids=str)
def test_on_a_failing_disk_the_store_goes_on_by_itself(full: bool, shares: dict[str, float]) -> None:
    failed = 0
    for seed in range(RUNS[full]):
        shop = faulty(Random(seed), 60, **shares)
        failed += sum(not call.done for call in shop.calls)
        shop.turn()
        assert shop.calls[-1].done, "on a sound disk it works again, without a restart"
        assert shop.losses() == []
        assert shop.after_cut() == [], f"seed {seed}: it read back what the disk did not have"
    assert failed > RUNS[full]


def test_a_full_disk_refuses_and_goes_on_once_there_is_room() -> None:
    shop = Shop(Random(3), Disk())
    shop.disk.faults = Faults(Random(3), capacity=sum(shop.disk.sizes().values()) + 60_000)
    reasons = set()
    for _ in range(100):
        try:
            shop.turn()
        except StoreUnavailable as error:
            reasons.add(error.reason)
    assert "DISK_FULL" in reasons
    assert shop.losses() == []
    shop.disk.faults = Faults(Random(3))
    shop.turn()
    assert shop.calls[-1].done
    assert shop.after_cut() == []


def test_believing_the_log_after_a_failed_sync_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `write_again` what a failed commit left readable is built upon, and is gone with the power."""
    monkeypatch.setattr(sqlite, "write_again", lambda path, vfs: None)
    # One shop in ten shows it, so 60 fail to with a chance of 1 in 500; these do not.
    assert any(faulty(Random(seed), 60, sync=0.3).after_cut() for seed in range(60))
