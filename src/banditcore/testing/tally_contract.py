"""What every store must keep of the tallies; a part of `StorageContract`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from banditcore.assignment import split_ids
from banditcore.estimators.lift.moments import Moments
from banditcore.findings import Alarm, Look, Verdict
from banditcore.storage.base import RewardRow, Store, Transaction
from banditcore.storage.tallied import (
    Day,
    Page,
    PageQuery,
    Part,
    Slice,
    Span,
    TallyChange,
    UnitOutcome,
)
from banditcore.testing.rows import EVER, VECTOR, columns, open_stream


def append(store: Store, stream: int, units: Sequence[str]) -> list[bytes]:
    """Their ids."""
    rows = columns(store, stream, units)
    store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
    return split_ids(rows.ids)


def reward(store: Store, stream: int, decision: bytes, value: float, *, key: str = "", late: int = 0) -> None:
    row = RewardRow(stream, decision, "spend", key, value, late, 9)
    store.write(lambda tx: tx.append_rewards([row]), [stream]).result()


def query(stream: int, goal: str = "spend", *, parts: tuple[Part, ...] | None = None, limit: int = 10) -> PageQuery:
    """Of all decisions from the first on."""
    own = (Part(goal, False, 0.0),) if parts is None else parts
    return PageQuery(stream, goal, b"", EVER, limit, own, with_vectors=False, explicit_exposure=False)


def page(store: Store, asked: PageQuery) -> Page:
    with store.read() as reader:
        return reader.page(asked)


def count(store: Store, asked: PageQuery, found: Page | None = None) -> bool:
    """Counts the next page, or one that was read before."""
    change = TallyChange(asked.stream, asked, found or page(store, asked))
    return store.write(lambda tx: tx.add_tally(change), [asked.stream]).result()


class TallyContract:
    """The tests; each gets a fresh store."""

    def test_a_page_has_what_each_decision_earned(self, store: Store) -> None:
        stream = open_stream(store)
        ids = append(store, stream, ["ann", "ann", "bob", "cid"])
        for index, value, key, late in ((0, 2.0, "", 0), (0, 3.0, "more", 0), (1, 0.1, "", 0), (2, 4.0, "", 1)):
            reward(store, stream, ids[index], value, key=key, late=late)
        found = page(store, query(stream))
        assert [(row.unit, row.group, row.arm, row.y, row.d) for row in found.rows] == [
            ("ann", 1, 1, 5.0, 0.0),
            ("ann", 1, 1, 0.1, 0.0),
            ("bob", 1, 1, 0.0, 0.0),
            ("cid", 1, 1, 0.0, 0.0),
        ]
        assert (found.until, found.stragglers, found.decisions, found.rewards) == (EVER, False, 4, 3)
        both = page(store, query(stream, parts=(Part("spend", True, 0.5), Part("look", False, 7.0))))
        assert [(row.y, row.d) for row in both.rows] == [(3.0, 7.0), (0.1, 7.0), (0.5, 7.0), (0.5, 7.0)]
        some = page(store, query(stream, limit=3))
        assert (len(some.rows), some.until, some.decisions, some.rewards) == (3, ids[3], 3, 3)
        assert page(store, replace(query(stream), since=ids[3])).rows[0].id == ids[3]
        assert page(store, replace(query(stream), before=ids[1])).rows[0].context is None
        assert page(store, replace(query(stream), with_vectors=True)).rows[0].propensities == VECTOR

    def test_only_what_was_exposed_counts_where_that_is_asked(self, store: Store) -> None:
        stream = open_stream(store)
        ids = append(store, stream, ["ann", "bob"])
        store.write(lambda tx: tx.append_exposure(stream, ids[1], 7), [stream]).result()
        asked = replace(query(stream), explicit_exposure=True)
        found = page(store, asked)
        assert [row.exposed for row in found.rows] == [None, 7] and found.exposures == 1
        store.write(lambda tx: tx.append_exposure(stream, ids[0], 8), [stream]).result()
        assert not count(store, asked, found)

    def test_a_page_counts_once(self, store: Store) -> None:
        stream = open_stream(store)
        append(store, stream, ["ann", "bob"])
        asked = query(stream)
        change = TallyChange(stream, asked, page(store, asked))
        change.units = [UnitOutcome("ann", 1, 1, 0.1, 2.0, "ab12", '{"a": "ä"}')]
        change.moments = {Slice("spend", 1, "", "", 1): Moments(n=1, converted=1, y=0.1, md=3.0)}
        change.arms = {1: (2, 0.1)}
        change.days = {Day("spend", 1, 19_000, 1): np.arange(256.0).tobytes()}
        change.traffic = {Span(5, 7, "", "", 1, "b"): 2}
        change.off_policy = (b"state", b"digest")
        assert store.write(lambda tx: tx.add_tally(change), [stream]).result()
        assert not store.write(lambda tx: tx.add_tally(change), [stream]).result()
        with store.read() as reader:
            assert reader.counted(stream) == {"spend": EVER}
            assert reader.unit_outcomes(stream, "spend", ["ann", "eve"]) == change.units
            assert reader.moments(stream) == change.moments
            assert reader.arm_outcomes([stream], "spend") == {(stream, 1): (2, 0.1)}
            assert reader.days(stream, "spend", 1, 19_000) == list(change.days.items())
            assert reader.days(stream, "spend", 1, 19_001) == []
            assert reader.traffic(stream, 7, 14) == {Span(0, 7, "", "", 1, "b"): 2}
            assert reader.off_policy(stream, "spend") == (b"state", b"digest")
            assert reader.off_policy(stream, "buy") is None

    def test_what_a_page_adds_is_added(self, store: Store) -> None:
        stream = open_stream(store)
        for turn in range(2):
            append(store, stream, [f"unit-{turn}"])
            with store.read() as reader:
                since = reader.counted(stream).get("spend", b"")
            asked = replace(query(stream, limit=1), since=since, before=EVER[: 5 + turn])
            change = TallyChange(stream, asked, page(store, asked))
            change.moments = {Slice("spend", 1, "", "", 1): Moments(n=1, y=0.5)}
            change.days = {Day("spend", 1, 0, 1): np.full(256, 0.25).tobytes()}
            change.units = [UnitOutcome("ann", 1, 1, float(turn), 0.0, "", "")]
            change.arms, change.traffic = {0: (1, 2.0)}, {Span(0, 1, "", "", 1, "a"): 3}
            assert store.write(lambda tx, change=change: tx.add_tally(change), [stream]).result()  # type: ignore[misc]
        with store.read() as reader:
            assert reader.moments(stream) == {Slice("spend", 1, "", "", 1): Moments(n=2, y=1.0)}
            assert reader.days(stream, "spend", 1, 0) == [(Day("spend", 1, 0, 1), np.full(256, 0.5).tobytes())]
            assert reader.unit_outcomes(stream, "spend", ["ann"])[0].y == 1.0
            assert reader.arm_outcomes([stream], "spend") == {(stream, 0): (2, 4.0)}
            assert reader.traffic(stream, 1, 1) == {Span(0, 1, "", "", 1, "a"): 6}

    @pytest.mark.parametrize("late", ["decision", "reward"])
    def test_a_page_that_the_log_has_overtaken_is_not_counted(self, store: Store, late: str) -> None:
        stream = open_stream(store)
        ids = append(store, stream, ["ann"])
        asked = query(stream)
        found = page(store, asked)
        if late == "decision":
            append(store, stream, ["bob"])
        else:
            reward(store, stream, ids[0], 1.0)
        assert not count(store, asked, found)
        with store.read() as reader:
            assert reader.counted(stream) == {}
        assert count(store, asked)

    def test_a_decision_that_came_late_is_counted_by_itself(self, store: Store) -> None:
        stream = open_stream(store)
        early, late = columns(store, stream, ["ann"]), columns(store, stream, ["bob"], now_us=2_000_000)
        store.write(lambda tx: tx.append_decisions(late), [stream]).result()
        asked = query(stream)
        assert count(store, asked)
        store.write(lambda tx: tx.append_decisions(early), [stream]).result()
        reward(store, stream, early.ids, 3.0)
        again = replace(asked, since=EVER)
        ids = [early.ids, late.ids]
        with store.read() as reader:
            assert reader.final(stream, ids) == {(late.ids, "spend")}
            assert reader.stragglers(stream) == {"spend"}
        found = page(store, again)
        assert found.stragglers and [(row.unit, row.y) for row in found.rows] == [("ann", 3.0)]
        assert count(store, again, found)
        assert not count(store, again, found), "it has been counted"
        assert page(store, again).rows == []
        with store.read() as reader:
            assert (
                reader.stragglers(stream) == set()
                and len(reader.final(stream, ids)) == 2
                and reader.final(stream, []) == set()
            )

    def test_what_waits_is_known(self, store: Store) -> None:
        stream = open_stream(store)
        append(store, stream, ["ann", "bob"])
        with store.read() as reader:
            assert (reader.uncounted(stream, EVER), reader.uncounted(stream, b"")) == (2, 0)
        assert count(store, query(stream, "", parts=()))
        with store.read() as reader:
            assert reader.uncounted(stream, EVER) == 0

    def test_verdicts_and_alarms_stand(self, store: Store) -> None:
        stream, nan = open_stream(store), float("nan")
        looks = [Look(5, "buy", 0.1, 0.0, 0.2, 1.5, nan, nan, nan), Look(6, "buy", 0.2, 0.1, 0.3, 2.0, 0.1, 0.0, 0.2)]
        verdict = Verdict("better", 9, 0.1, 0.05, 0.2, 1.0)
        alarms = [Alarm(5, "harm", "spend", "words"), Alarm(7, "sample_ratio", "all", "other words")]

        def operation(tx: Transaction) -> list[bool]:
            for look in looks:
                tx.put_look(stream, look)
            first = [tx.put_verdict(stream, "buy", verdict), *(tx.put_alarm(stream, alarm) for alarm in alarms)]
            second = [tx.put_verdict(stream, "buy", replace(verdict, outcome="worse"))]
            return first + second + [tx.put_alarm(stream, replace(alarms[0], time_us=8))]

        assert store.write(operation).result() == [True, True, True, False, False]
        with store.read() as reader:
            assert str(reader.looks(stream)) == str(looks)
            assert reader.verdict(stream, "buy") == verdict and reader.verdict(stream, "spend") is None
            assert reader.alarms(stream) == alarms and reader.alarms(stream + 1) == []
            assert (reader.frozen(stream), reader.frozen(stream + 1)) == (True, False)
        store.write(lambda tx: tx.resume_alarms(stream, 9)).result()
        with store.read() as reader:
            assert not reader.frozen(stream) and reader.alarms(stream) == alarms
