"""What every store must keep; subclass it with a `store` fixture that yields an empty, open store."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from threading import Barrier, Thread
from types import NoneType

import pytest

from banditcore.assignment import DecisionIds, split_ids
from banditcore.errors import NotFound, StoreUnavailable
from banditcore.storage.base import (
    Asked,
    DecisionColumns,
    ExperimentRow,
    ResolutionKind,
    ResolutionRow,
    RewardRow,
    SnapshotRow,
    Standing,
    Store,
    Transaction,
    VersionRow,
)
from banditcore.testing.offline_contract import OfflineContract
from banditcore.testing.rows import EVER, VECTOR, columns, open_stream
from banditcore.testing.tally_contract import TallyContract, count, query

__all__ = ["StorageContract", "columns", "open_stream"]


class StorageContract(TallyContract, OfflineContract):
    """The tests; each gets a fresh store."""

    def test_experiments_and_versions_come_back(self, store: Store) -> None:
        stream = open_stream(store)
        store.write(lambda tx: tx.put_version(VersionRow("shop", 2, stream, "{2}", "[]", 9))).result()
        with store.read() as reader:
            assert reader.experiments() == [ExperimentRow("shop", "running", 1, 5, 5)]
            assert [row.version for row in reader.versions("shop")] == [1, 2]
            assert reader.versions("else") == []

    def test_streams_are_numbered_from_one(self, store: Store) -> None:
        assert [open_stream(store, name) for name in ("a", "b", "c")] == [1, 2, 3]

    def test_a_decision_comes_back_as_written(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann", "bob"])
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        with store.read() as reader:
            found = reader.decision(stream, split_ids(rows.ids)[1])
            assert found is not None
            assert (found.unit, found.arm, found.position, found.propensities) == ("bob", 1, 2, VECTOR)
            assert found.eligible is None
            assert reader.decision(stream, b"x" * 24) is None
            assert reader.decision(stream + 1, split_ids(rows.ids)[1]) is None

    def test_a_request_id_finds_its_decisions(self, store: Store) -> None:
        stream = open_stream(store)
        for request, units in (("r1", ["ann", "bob"]), ("r2", ["cid"])):
            _append(store, columns(store, stream, units), Asked(request, 0, len(units)))
        with store.read() as reader:
            assert [row.unit for row in reader.request("r1") or []] == ["ann", "bob"]
            assert [row.unit for row in reader.request("r2") or []] == ["cid"]
            assert reader.request("r3") is None
        known = store.write(lambda tx: tx.known_requests(["r1", "r2", "r3"])).result()
        assert known == {"r1", "r2"}

    def test_every_decision_of_a_call_may_have_a_request_id(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann", "bob", "cid"])
        store.write(lambda tx: tx.append_decisions(rows, [Asked("r1", 0, 1), Asked("r3", 2, 1)]), [stream]).result()
        with store.read() as reader:
            assert [[row.unit for row in reader.request(name) or []] for name in ("r1", "r3")] == [["ann"], ["cid"]]

    def test_a_context_may_be_empty_and_eligible_lists_are_kept(self, store: Store) -> None:
        stream = open_stream(store)
        rows = replace(columns(store, stream, ["ann", "bob"]), contexts=b"", eligible=bytes([1, 0, 1, 1]))
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        with store.read() as reader:
            found = [reader.decision(stream, decision) for decision in split_ids(rows.ids)]
            assert [(row.context, row.eligible) for row in found if row] == [(b"", bytes([1, 0])), (b"", bytes([1, 1]))]

    def test_certificates_are_kept_for_each_or_for_all(self, store: Store) -> None:
        stream = open_stream(store)
        for stated, units in ((0.0, ["ann"]), ([1e-10, 0.03], ["bob", "cid"])):
            rows = replace(columns(store, stream, units), certificates=stated)
            store.write(lambda tx, rows=rows: tx.append_decisions(rows), [stream]).result()  # type: ignore[misc]
        with store.read() as reader:
            assert [row.certificate for row in reader.decisions_to_audit(stream)] == [0.0, 1e-10, 0.03]

    def test_units_of_any_script_come_back(self, store: Store) -> None:
        stream = open_stream(store)
        units = ["Ünïcode", "07", '{"a": 1}', "null", "1e5", "\U0001f6d2", "a'b\"c\\", "true"]
        rows = columns(store, stream, units)
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        with store.read() as reader:
            found = [reader.decision(stream, decision) for decision in split_ids(rows.ids)]
            assert [row.unit for row in found if row] == units

    def test_positions_are_dense_over_all_events(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann", "bob"])
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        store.write(lambda tx: tx.append_exposure(stream, split_ids(rows.ids)[0], 7), [stream]).result()
        store.write(lambda tx: _reward(tx, stream, split_ids(rows.ids)[0], 1.0), [stream]).result()
        with store.read() as reader:
            assert reader.density(stream) == (5, 5, 5)
            assert reader.stream_position(stream) == 5
            assert reader.lessons(stream, 0, 10).positions == (5,)

    def test_concurrent_writers_leave_no_gap(self, store: Store) -> None:
        stream = open_stream(store)
        prepared = [columns(store, stream, [f"unit-{n}"], now_us=1_000_000 * (n + 1)) for n in range(40)]
        barrier = Barrier(4)
        futures: list[Future[None]] = []

        def work(part: list[DecisionColumns]) -> None:
            barrier.wait()
            futures.extend(store.write(lambda tx, rows=rows: tx.append_decisions(rows), [stream]) for rows in part)  # type: ignore[misc]

        threads = [Thread(target=work, args=(prepared[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for future in futures:
            future.result()
        with store.read() as reader:
            assert reader.density(stream) == (40, 40, 40)

    def test_an_operation_that_raises_leaves_no_trace(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann"])

        def half(tx: Transaction) -> None:
            tx.append_decisions(rows, [Asked("r1", 0, 1)])
            raise NotFound("changed my mind")

        with pytest.raises(NotFound, match="changed my mind"):
            store.write(half, [stream]).result()
        with store.read() as reader:
            assert reader.decision(stream, split_ids(rows.ids)[0]) is None
            assert reader.request("r1") is None
            assert reader.stream_position(stream) == 0

    def test_a_failing_operation_does_not_touch_its_neighbours(self, store: Store) -> None:
        stream = open_stream(store)

        def broken(tx: Transaction) -> None:
            raise ZeroDivisionError

        first = columns(store, stream, ["ann"])
        second = replace(columns(store, stream, ["bob"]), ids=DecisionIds(store.secret).new(stream, 1, 9_000_000)[0])
        futures = [
            store.write(lambda tx: tx.append_decisions(first), [stream]),
            store.write(broken, [stream]),
            store.write(lambda tx: tx.append_decisions(second), [stream]),
        ]
        assert isinstance(futures[1].exception(), ZeroDivisionError)
        assert futures[0].result() is None
        assert futures[2].result() is None
        with store.read() as reader:
            assert reader.density(stream) == (2, 2, 2)

    def test_an_operation_that_fails_after_writing_takes_only_its_own_back(self, store: Store) -> None:
        stream = open_stream(store)
        rows = [columns(store, stream, [unit], now_us=1_000_000 * n) for n, unit in enumerate("abcd", start=1)]

        def spoiled(tx: Transaction) -> None:
            tx.append_decisions(rows[1])
            raise NotFound("changed my mind")

        futures = [
            store.write(lambda tx: tx.append_decisions(rows[0]), [stream]),
            store.write(spoiled, [stream]),
            store.write(lambda tx: tx.append_decisions(rows[2]), [stream]),
            store.write(lambda tx: tx.append_decisions(rows[2]), [stream]),
            store.write(lambda tx: tx.append_decisions(rows[3]), [stream]),
        ]
        errors = [future.exception() for future in futures]
        assert [type(error) for error in errors] == [NoneType, NotFound, NoneType, StoreUnavailable, NoneType]
        with store.read() as reader:
            assert [row.unit for row in reader.decisions_to_audit(stream)] == ["a", "c", "d"]
            assert reader.density(stream) == (3, 3, 3)

    def test_an_operation_changes_only_what_it_has_named(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann"])
        for streams in ([], [stream + 1]):
            with pytest.raises(ValueError, match="not named"):
                store.write(lambda tx: tx.append_decisions(rows), streams).result()
        with store.read() as reader:
            assert reader.density(stream) == (0, 0, 0)

    def test_a_decision_resolves_once(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann"])
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        store.write(lambda tx: _reward(tx, stream, split_ids(rows.ids)[0], 1.0), [stream]).result()
        again = ResolutionRow(stream, split_ids(rows.ids)[0], ResolutionKind.EXPIRY, 0.0, 9)
        with pytest.raises(Exception):  # noqa: B017 - which error is the engine's own affair: it must not happen
            store.write(lambda tx: tx.append_resolutions([again]), [stream]).result()
        with store.read() as reader:
            assert reader.lessons(stream, 0, 10).values == (1.0,)

    def test_lessons_page_through_in_order(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, [f"unit-{n}" for n in range(7)])
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        for value, decision in enumerate(split_ids(rows.ids)):
            store.write(
                lambda tx, decision=decision, value=value: tx.append_resolutions(  # type: ignore[misc]
                    [ResolutionRow(stream, decision, ResolutionKind.REWARD, float(value), 9)]
                ),
                [stream],
            ).result()
        with store.read() as reader:
            first = reader.lessons(stream, 0, 3)
            rest = reader.lessons(stream, first.positions[-1], 100)
            assert (*first.values, *rest.values) == tuple(map(float, range(7)))
            assert reader.lessons(stream, 0, 100, up_to=first.positions[-1]).positions == first.positions
            assert len(reader.lessons(stream, rest.positions[-1], 100).positions) == 0

    def test_what_is_known_of_decisions_is_found_for_many_at_once(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann", "bob", "cid"])
        ann, bob, cid = split_ids(rows.ids)
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        store.write(lambda tx: _reward(tx, stream, ann, 1.0), [stream]).result()
        store.write(lambda tx: tx.append_exposure(stream, bob, 7), [stream]).result()
        store.write(lambda tx: _expiry(tx, stream, cid), [stream]).result()
        with store.read() as reader:
            assert reader.standings(stream, [ann, bob, cid, b"x" * 24]) == {
                ann: Standing(1, 1, 0, False, ResolutionKind.REWARD),
                bob: Standing(1, 1, 0, True, 0),
                cid: Standing(1, 1, 0, False, ResolutionKind.EXPIRY),
            }
            assert reader.standings(stream + 1, [ann]) == {}
            assert [row.decision for row in reader.rewards(stream, [cid, ann])] == [ann]
            assert [row.open for row in reader.streams()] == [1]
            found = reader.resolutions(stream, [ann, bob, cid, b"x" * 24])
            assert {decision: row.value for decision, row in found.items()} == {ann: 1.0, cid: 0.0}
            assert 3 < found[ann].position < found[cid].position
            assert reader.exposures(stream, [ann, bob, cid]) == {bob: 7}
            assert reader.resolutions(stream + 1, [ann]) == {}
            assert reader.exposures(stream + 1, [bob]) == {}
            assert (reader.decision_count(stream), reader.decision_count(stream + 1)) == (3, 0)

    def test_a_decision_that_was_long_on_its_way_still_has_its_window_closed(self, store: Store) -> None:
        stream = open_stream(store)
        late = columns(store, stream, ["ann"])
        on_time = columns(store, stream, ["bob"], now_us=5_000_000)
        store.write(lambda tx: tx.append_decisions(on_time), [stream]).result()
        store.write(lambda tx: tx.set_expired(stream, EVER), [stream]).result()
        store.write(lambda tx: tx.append_decisions(late), [stream]).result()
        with store.read() as reader:
            assert (late.ids, False) in reader.expirable(stream, EVER, 10)

    def test_only_open_policy_decisions_expire(self, store: Store) -> None:
        stream = open_stream(store)
        policy = columns(store, stream, ["ann", "bob"])
        store.write(lambda tx: tx.append_decisions(policy), [stream]).result()
        held_out = columns(store, stream, ["cid"], group=2, now_us=2_000_000)
        store.write(lambda tx: tx.append_decisions(held_out), [stream]).result()
        store.write(lambda tx: _reward(tx, stream, split_ids(policy.ids)[0], 1.0), [stream]).result()
        with store.read() as reader:
            assert reader.expirable(stream, EVER, 10) == [(split_ids(policy.ids)[1], False)]
            assert reader.windows_due(stream, EVER)
            assert not reader.windows_due(stream, split_ids(policy.ids)[0])
        store.write(lambda tx: tx.set_expired(stream, EVER), [stream]).result()
        with store.read() as reader:
            assert reader.expirable(stream, EVER, 10) == []
            assert not reader.windows_due(stream, EVER)

    def test_snapshots_keep_the_newest_and_the_milestones(self, store: Store) -> None:
        stream = open_stream(store)
        for position in (3, 8, 12, 25):
            row = SnapshotRow(stream, position, 1, b"state", b"digest")
            with store.fold(stream) as folding:
                assert folding is not None
                folding.put_snapshot(row, milestone_every=10)
        with store.read() as reader:
            assert [row.position for row in reader.snapshots(stream)] == [8, 12, 25]
            latest = reader.snapshot(stream, 24, version=1)
            assert latest is not None and latest.position == 12
            assert reader.snapshot(stream, 7, version=1) is None
            assert reader.snapshot(stream, 24, version=0) is None
            assert [(row.stream, row.learned) for row in reader.streams()] == [(stream, 25)]

    def test_a_fold_that_fails_saves_nothing_and_the_next_one_may(self, store: Store) -> None:
        stream = open_stream(store)
        with pytest.raises(ZeroDivisionError), store.fold(stream) as folding:
            assert folding is not None
            raise ZeroDivisionError
        with store.fold(stream) as folding:
            assert folding is not None
            folding.put_snapshot(SnapshotRow(stream, 4, 1, b"state", b"digest"), milestone_every=10)
        with store.read() as reader:
            assert [row.position for row in reader.snapshots(stream)] == [4]

    def test_the_base_is_kept_and_set_by_one_only(self, store: Store) -> None:
        stream = open_stream(store)
        rows = [SnapshotRow(stream, position, 1, b"state", b"digest") for position in (3, 4, 5, 6)]
        _save(store, rows[0])
        with store.read() as reader:
            assert reader.trimmed(stream) == (0, 0, 0)
        assert store.write(lambda tx: tx.set_base(rows[1], instead_of=0), [stream]).result()
        assert not store.write(lambda tx: tx.set_base(rows[2], instead_of=0), [stream]).result()
        for row in (rows[1], rows[3]):
            _save(store, replace(row, version=2))
        with store.read() as reader:
            assert [(row.position, row.version) for row in reader.snapshots(stream)] == [(4, 1), (6, 2)]
            trimmed = reader.trimmed(stream)
            assert trimmed == (4, 1, 0)
            assert (trimmed.reaches(1, 4), trimmed.reaches(1, 3), trimmed.reaches(0, 9)) == (True, False, False)

    def test_old_decisions_go_with_all_that_belongs_to_them(self, store: Store) -> None:
        stream = open_stream(store)
        rows = columns(store, stream, ["ann", "ann", "bob", "cid"])
        ids = split_ids(rows.ids)
        _append(store, rows, Asked("r1", 0, 4))
        store.write(lambda tx: tx.append_exposure(stream, ids[1], 7), [stream]).result()
        for decision in ids:
            store.write(lambda tx, decision=decision: _reward(tx, stream, decision, 2.0), [stream]).result()  # type: ignore[misc]
        held_out = columns(store, stream, ["dan"], group=2, now_us=2_000_000)
        store.write(lambda tx: tx.append_decisions(held_out), [stream]).result()
        # Positions: four decisions, an exposure, a reward and a resolution for each, and the one held out.
        gone = [_delete(store, stream, 10)]
        store.write(lambda tx: tx.set_expired(stream, ids[3] + b"\0"), [stream]).result()
        gone.append(_delete(store, stream, 10))
        base = SnapshotRow(stream, 11, 1, b"state", b"digest")
        store.write(lambda tx: tx.set_base(base, instead_of=0), [stream]).result()
        gone.append(_delete(store, stream, 10))
        for goal in ("", "buy"):
            assert count(store, query(stream, goal, parts=()))
        gone += [_delete(store, stream, 2), _delete(store, stream, 10)]
        assert gone == [0, 0, 0, 2, 1], "not before it is closed, learned and counted, and so many at most"
        with store.read() as reader:
            assert (reader.oldest_model(stream, b"", 10), reader.oldest_model(stream, EVER, 10)) == (
                (0, 1),
                None,
            )
            assert [row.unit for row in reader.decisions_to_audit(stream)] == ["cid", "dan"]
            assert (reader.standings(stream, ids[:3]), reader.rewards(stream, ids[:3])) == ({}, [])
            assert reader.lessons(stream, 0, 10).positions == (13,)
            assert reader.request("r1") is None
            assert reader.trimmed(stream) == (11, 1, 10)
            assert reader.density(stream) == (14, 14, 14)
        store.write(lambda tx: tx.set_base(replace(base, position=14), instead_of=11), [stream]).result()
        store.write(lambda tx: tx.set_expired(stream, EVER), [stream]).result()
        assert _delete(store, stream, 10) == 2
        with store.read() as reader:
            assert reader.density(stream) == (14, 14, 0)

    def test_a_closed_store_says_so(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            store.write(lambda tx: None).result()


def _append(store: Store, rows: DecisionColumns, asked: Asked) -> None:
    store.write(lambda tx: tx.append_decisions(rows, [asked]), [rows.stream]).result()


def _delete(store: Store, stream: int, limit: int) -> int:
    return store.write(lambda tx: tx.delete_decisions(stream, EVER, ["buy"], limit), [stream]).result()


def _save(store: Store, row: SnapshotRow) -> None:
    with store.fold(row.stream) as folding:
        assert folding is not None
        folding.put_snapshot(row, milestone_every=10)


def _expiry(tx: Transaction, stream: int, decision: bytes) -> None:
    tx.append_resolutions([ResolutionRow(stream, decision, ResolutionKind.EXPIRY, 0.0, 8)])


def _reward(tx: Transaction, stream: int, decision: bytes, value: float) -> None:
    tx.append_rewards([RewardRow(stream, decision, "buy", "", value, 0, 8)])
    tx.append_resolutions([ResolutionRow(stream, decision, ResolutionKind.REWARD, value, 8)])
