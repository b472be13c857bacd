"""Who is held out, over ids that are anything but random: 100,000 customers numbered in order, under four salts."""

import itertools
import zlib

import numpy as np
import pytest
from scipy import stats

from banditcore.assignment import holdout_bucket, salt_key

SALTS = ("checkout", "home", "search", "basket")
CUSTOMERS = [str(n).encode() for n in range(100_000)]


def ours(salt):
    bucket = holdout_bucket(salt_key(salt))
    return np.array([bucket(customer) for customer in CUSTOMERS])


def crc32(salt):
    """What many do: a checksum of salt and id."""
    start = zlib.crc32(salt.encode())
    return np.array([zlib.crc32(customer, start) for customer in CUSTOMERS]) / 2**32


@pytest.fixture(scope="module")
def hashed():
    return {kind: [kind(salt) for salt in SALTS] for kind in (ours, crc32)}


def evenness(numbers):
    """p that 1,000 buckets are equally filled."""
    return stats.chisquare(np.bincount((numbers * 1_000).astype(int), minlength=1_000)).pvalue


def independence(one, other):
    """p that tenths of one salt say nothing of the tenths of another."""
    table = np.zeros((10, 10))
    np.add.at(table, ((one * 10).astype(int), (other * 10).astype(int)), 1)
    return stats.chi2_contingency(table).pvalue


def test_buckets_are_even_and_salts_independent(hashed, note):
    """All p above 1e-3: 4 salts over 1,000 buckets, and 10 x 10 tables of each pair. False alarm: 1 % for new salts."""
    even = min(evenness(numbers) for numbers in hashed[ours])
    apart = min(independence(*pair) for pair in itertools.combinations(hashed[ours], 2))
    note("keyed BLAKE2b: least p of 1,000 buckets, 4 salts", even, "> 0.001")
    note("keyed BLAKE2b: least p of independence, 6 pairs of salts", apart, "> 0.001")
    assert even > 1e-3 and apart > 1e-3


def test_a_checksum_would_hold_out_the_same_customers_again(hashed, note):
    """CRC32 is linear: another salt shifts everybody alike, so that two experiments are not independent."""
    apart = [independence(*pair) for pair in itertools.combinations(hashed[crc32], 2)]
    note("CRC32: largest p of independence, 6 pairs of salts", max(apart), "<= 0.001, and fails")
    assert max(apart) <= 1e-3
