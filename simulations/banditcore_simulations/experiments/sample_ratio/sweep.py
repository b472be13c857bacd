"""Who is held out: hashes that are even over ids in sequence, and group sizes that alarm only when they are wrong.

100,000 customers numbered in order under four salts; and 500 looks at the sizes of groups with a holdout of 10 %.
"""

from __future__ import annotations

import itertools
import zlib

import numpy as np
from scipy import stats

from banditcore.assignment import holdout_bucket, salt_key
from banditcore.estimators.sample_ratio import LOG_ALARM, log_evidences
from banditcore.types import Floats
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep

SALTS = ("checkout", "home", "search", "basket")
SHARES = np.array([0.9, 0.1])
UNITS, LOOKS = 100_000, 500


def ours(salt: str, customers: list[bytes]) -> Floats:
    bucket = holdout_bucket(salt_key(salt))
    return np.array([bucket(customer) for customer in customers])


def crc32(salt: str, customers: list[bytes]) -> Floats:
    """What many do: a checksum of salt and id. It is linear, so that another salt shifts everybody alike."""
    start = zlib.crc32(salt.encode())
    return np.array([zlib.crc32(customer, start) for customer in customers]) / 2**32


def evenness(numbers: Floats) -> float:
    """p that 1,000 buckets are equally filled."""
    return float(stats.chisquare(np.bincount((numbers * 1_000).astype(int), minlength=1_000)).pvalue)


def independence(one: Floats, other: Floats) -> float:
    """p that tenths of one salt say nothing of the tenths of another."""
    table = np.zeros((10, 10))
    np.add.at(table, ((one * 10).astype(int), (other * 10).astype(int)), 1)
    return float(stats.chi2_contingency(table).pvalue)


def hashes(seed: int, *, checksum: bool, customers: int) -> Record:
    """Least p of evenness, least and largest of the independence of pairs; a seed has salts of its own."""
    ids = [str(n).encode() for n in range(customers)]
    kind = crc32 if checksum else ours
    numbers = [kind(f"{salt}{seed or ''}", ids) for salt in SALTS]
    apart = [independence(*pair) for pair in itertools.combinations(numbers, 2)]
    return {"even": min(map(evenness, numbers)), "least apart": min(apart), "most apart": max(apart)}


def counted(rng: np.random.Generator, runs: int, held: float, lost: float) -> Floats:
    """(runs, LOOKS, 2) units of both groups so far, of which a share `lost` of the holdout is never counted."""
    page = UNITS // LOOKS
    control = rng.binomial(page, held, (runs, LOOKS))
    counts = np.stack([page - control, rng.binomial(control, 1.0 - lost)], axis=-1)
    return counts.cumsum(axis=1).astype(np.float64)


def peeked(counts: Floats, level: float) -> float:
    """Share of runs in which a chi-square test of fixed size rejects at some look."""
    expected = counts.sum(axis=-1, keepdims=True) * SHARES
    largest = (((counts - expected) ** 2 / expected).sum(axis=-1)).max(axis=1)
    return float((largest >= stats.chi2.isf(level, 1)).mean())


def sizes(seed: int, *, held: float, lost: float, runs: int) -> Record:
    """Shares of runs that alarm, and units at the alarm."""
    counts = counted(np.random.default_rng([seed, 11]), runs, held, lost)
    evidence = log_evidences(counts, SHARES)
    over = evidence >= LOG_ALARM
    found = over.any(axis=1)
    units = float(np.median(over[found].argmax(axis=1) + 1) * UNITS / LOOKS) if found.any() else float(UNITS)
    return {
        "usual": float((evidence.max(axis=1) >= -np.log(0.05)).mean()),
        "strict": float(found.mean()),
        "peeked": peeked(counts, 0.05),
        "units": units,
    }


KINDS: Kinds = {
    "hashes, keyed BLAKE2b": hashes,
    "hashes, CRC32": hashes,
    "groups as set": sizes,
    "9.5 % held out for 10 %": sizes,
    "5 % of the holdout lost": sizes,
}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


def trials(runs: int, customers: int) -> list[Point]:
    """Runs a seed."""
    return [
        *points("hashes, keyed BLAKE2b", {"": {"checksum": False}}, customers=customers),
        *points("hashes, CRC32", {"": {"checksum": True}}, customers=customers),
        *points("groups as set", {"": {"held": 0.1, "lost": 0.0}}, runs=runs),
        *points("9.5 % held out for 10 %", {"": {"held": 0.095, "lost": 0.0}}, runs=runs),
        *points("5 % of the holdout lost", {"": {"held": 0.1, "lost": 0.05}}, runs=runs),
    ]


SWEEP = Sweep(trials(300, 100_000), measure, seeds=5)
SMALL = Sweep(trials(200, 100_000), measure, seeds=1)
