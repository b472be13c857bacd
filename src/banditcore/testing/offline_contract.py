"""What every store must keep of imported rewards and merged identities; part of `StorageContract`."""

from __future__ import annotations

import pytest

from banditcore.assignment import id_bound
from banditcore.storage.base import ImportedRow, ImportKind, Store
from banditcore.testing.rows import EVER, columns, open_stream


class OfflineContract:
    """The tests; each gets a fresh store."""

    def test_decisions_of_units_are_found_in_a_stretch_of_time(self, store: Store) -> None:
        stream, other = open_stream(store), open_stream(store, "other")
        ids = []
        for second, unit in enumerate(["ann", "bob", "ann", "Ünïcode", "ann"], start=1):
            for each in (stream, other):
                rows = columns(store, each, [unit], now_us=second * 1_000_000)
                store.write(lambda tx, rows=rows: tx.append_decisions(rows), [each]).result()  # type: ignore[misc]
                ids += [rows.ids] if each == stream else []
        store.write(lambda tx: tx.append_exposure(stream, ids[2], 9), [stream]).result()
        with store.read() as reader:
            found = reader.unit_decisions(stream, ["ann", "Ünïcode", "dan"], id_bound(1_001), id_bound(5_000))
            assert found == [("ann", ids[2], 1, True), ("Ünïcode", ids[3], 1, False)]
            assert [row.id for row in reader.unit_decisions(stream, ["ann"], b"", EVER)] == [*ids[:3:2], ids[4]]
            assert reader.unit_decisions(stream, [], b"", EVER) == []

    def test_imports_are_counted_by_goal_and_day_and_what_is_marked_once(self, store: Store) -> None:
        stream = open_stream(store)
        missed = ImportedRow("buy", 7, ImportKind.UNATTRIBUTED, b"mark-1")
        rows = [
            ImportedRow("buy", 7, ImportKind.ATTRIBUTED),
            ImportedRow("buy", 8, ImportKind.ATTRIBUTED),
            ImportedRow("spend", 7, ImportKind.LATE),
            missed,
            missed,
            missed._replace(kind=ImportKind.CONFLICT, mark=b"mark-2"),
            missed._replace(day=8),
        ]
        for batch in (rows, [missed, rows[0]]):
            store.write(lambda tx, batch=batch: tx.count_imports("shop", batch), [stream]).result()  # type: ignore[misc]
        with store.read() as reader:
            assert reader.import_counts("shop") == {"buy": (3, 0, 2, 1), "spend": (0, 1, 0, 0)}
            assert reader.import_counts("shop", 8) == {"buy": (1, 0, 1, 0)}
            assert reader.import_counts("other") == {}
        store.write(lambda tx: tx.forget_imports("shop", "buy", 8), [stream]).result()
        for batch in ([missed], [missed._replace(day=8)]):
            store.write(lambda tx, batch=batch: tx.count_imports("shop", batch), [stream]).result()  # type: ignore[misc]
        with store.read() as reader:
            assert reader.import_counts("shop")["buy"] == (3, 0, 3, 1), "day 7 was forgotten, day 8 was not"

    def test_merges_are_numbered_through_the_store(self, store: Store) -> None:
        for name, merges in (("shop", [("b", "a"), ("c", "b")]), ("mail", [("b", "z")]), ("shop", [("d", "Ü")])):
            store.write(lambda tx, name=name, merges=merges: tx.put_merges(name, merges, 5)).result()  # type: ignore[misc]
        with store.read() as reader:
            assert reader.merges("shop") == [
                (1, "shop", "b", "a", 5),
                (2, "shop", "c", "b", 5),
                (4, "shop", "d", "Ü", 5),
            ]
            assert [row.number for row in reader.merges_after(2)] == [3, 4]
            assert (reader.merge_count("shop"), reader.merge_count("mail"), reader.merge_count("else")) == (3, 1, 0)
            assert reader.merged_into("shop", ["b", "d", "x"]) == {"b": "a", "d": "Ü"}
        with pytest.raises(Exception):  # noqa: B017 - which error is the engine's own affair: it must not happen
            store.write(lambda tx: tx.put_merges("shop", [("b", "x")], 5)).result()
