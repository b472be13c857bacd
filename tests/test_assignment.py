"""Holdout, draw and ids. Each chi-square test fails by chance for 1 seed in 1,000; the seeds are fixed."""

import itertools
import threading
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from banditcore.assignment import (
    ID_BYTES,
    DecisionIds,
    draw_number,
    holdout_bucket,
    id_bound,
    id_milliseconds,
    id_stream,
    salt_key,
    unit_bucket,
)
from banditcore.errors import NotFound

SECRET = bytes(range(32))
PINNED_BUCKETS = [0.979844, 0.749466, 0.963116, 0.341483]
PINNED_DRAW = 0.317042


def test_the_bucket_is_the_documented_hash() -> None:
    key = salt_key("shop")
    digest = blake2b(b"customer-42", key=key, person=b"bc-holdout", digest_size=8).digest()
    assert holdout_bucket(key)(b"customer-42") == (int.from_bytes(digest, "big") >> 11) / 2**53


def test_assignment_never_changes() -> None:
    # Values written down once: another release that moved customers between groups would spoil every running lift.
    key = salt_key("shop")
    assert [round(holdout_bucket(key)(f"customer-{n}".encode()), 6) for n in range(4)] == PINNED_BUCKETS
    assert round(draw_number(key)(bytes(24)), 6) == PINNED_DRAW


@pytest.mark.parametrize("salt", ["a", "b", "c", "d"])
def test_buckets_of_sequential_ids_are_uniform(salt: str) -> None:
    bucket = holdout_bucket(salt_key(salt))
    counts = np.bincount([int(bucket(str(n).encode()) * 1_000) for n in range(100_000)], minlength=1_000)
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(["a", "b", "c", "d"], 2)))
def test_buckets_of_two_salts_are_independent(one: str, two: str) -> None:
    first, second = holdout_bucket(salt_key(one)), holdout_bucket(salt_key(two))
    units = [str(n).encode() for n in range(50_000)]
    table = np.zeros((10, 10))
    np.add.at(table, ([int(first(u) * 10) for u in units], [int(second(u) * 10) for u in units]), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_holdout_and_draw_are_independent() -> None:
    key = salt_key("shop")
    bucket, draw = holdout_bucket(key), draw_number(key)
    messages = [n.to_bytes(24, "big") for n in range(20_000)]
    correlation = np.corrcoef([bucket(m) for m in messages], [draw(m) for m in messages])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(len(messages))


def test_the_group_of_a_unit_is_even_and_independent_of_the_holdout() -> None:
    key = salt_key("shop")
    group, bucket = unit_bucket(key), holdout_bucket(key)
    assert group(b"customer-42") == blake2b(b"customer-42", key=key, person=b"bc-bucket", digest_size=8).digest()[0]
    units = [str(n).encode() for n in range(100_000)]
    groups, held = np.array([group(u) for u in units]), np.array([bucket(u) < 0.1 for u in units])
    assert stats.chisquare(np.bincount(groups, minlength=256)).pvalue > 1e-3
    table = np.array([np.bincount(groups[held == side], minlength=256) for side in (False, True)])
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_ids_rise_and_never_repeat_across_threads() -> None:
    ids = DecisionIds(SECRET)
    made: list[list[bytes]] = []
    threads = [
        threading.Thread(target=lambda: made.extend(ids.new(3, 7, 1_000_000) for _ in range(200))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [one for call in made for one in call]
    assert len(set(everything)) == len(everything) == 4 * 200 * 7
    assert all(sorted(call) == call for call in made)
    # Those of one call stand together: no other id falls between them.
    order = {one: rank for rank, one in enumerate(sorted(everything))}
    assert all(order[call[-1]] - order[call[0]] == 6 for call in made)


def test_ids_rise_when_the_clock_goes_back() -> None:
    ids = DecisionIds(SECRET)
    late = ids.new(1, 1, 10_000_000_000)[0]
    early = ids.new(1, 1, 5_000_000_000)[0]
    assert early > late
    again = DecisionIds(SECRET, last=early).new(1, 1, 1_000_000)[0]
    assert again > early


@given(
    stream=st.integers(1, 2**20 - 1), now_ms=st.integers(1, 2**47), count=st.integers(1, 50), low=st.integers(0, 2**42)
)
def test_ids_carry_stream_and_time(stream: int, now_ms: int, count: int, low: int) -> None:
    ids = DecisionIds(SECRET)
    ids._millisecond, ids._counter = now_ms, low
    made = ids.new(stream, count, now_ms * 1000)
    assert made == sorted(set(made))
    for one in made:
        assert len(one) == ID_BYTES
        assert (id_stream(one), id_milliseconds(one)) == (stream, now_ms)
        assert one[6] >> 4 == 7 and one[8] >> 6 == 2, "the first 16 bytes are a UUIDv7"
        assert id_bound(now_ms) <= one < id_bound(now_ms + 1)
        assert ids.verify(one.hex()) == one
        assert ids.genuine(one)


@given(bit=st.integers(0, ID_BYTES * 8 - 1))
def test_any_changed_bit_is_found(bit: int) -> None:
    ids = DecisionIds(SECRET)
    raw = int.from_bytes(ids.new(1, 1, 10**15)[0], "big") ^ 1 << bit
    forged = raw.to_bytes(ID_BYTES, "big")
    assert not ids.genuine(forged)
    with pytest.raises(NotFound):
        ids.verify(forged.hex())


@given(text=st.text(max_size=60))
def test_any_text_gets_the_one_answer(text: str) -> None:
    with pytest.raises(NotFound, match="is not a decision of this server"):
        DecisionIds(SECRET).verify(text)


def test_an_id_of_another_store_gets_the_same_answer() -> None:
    foreign = DecisionIds(bytes(32)).new(1, 1, 10**15)[0].hex()
    with pytest.raises(NotFound, match="is not a decision of this server"):
        DecisionIds(SECRET).verify(foreign)
