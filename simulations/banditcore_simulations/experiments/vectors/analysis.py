"""Bars of errors and of p-values, and two pictures: a log that is true, and one that is not."""

from __future__ import annotations

from dataclasses import replace

from banditcore.types import Floats
from banditcore_simulations.experiments.vectors.sweep import ITSELF, SOFTMAX
from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Picture
from banditcore_simulations.lab.bars import Bar, Bars, judged
from banditcore_simulations.lab.results import Results

BARS: Bars = {
    # Nothing of chance but the choice of cases: the other rule is nearer to the truth than the bar by a factor of 100.
    "Gaussian vector": [
        Bar("error", "largest error", most=1e-8, each=True),
        Bar("certificate", "|sum - 1| before normalising", most=1e-9, each=True),
        Bar("doubt", "|sum - 1| of the other rule", most=1e-10, each=True),
    ],
    # Against another rule in another variable.
    "Beta vector": [
        Bar("error", "largest error", most=1e-9, each=True),
        Bar("doubt", "|sum - 1| of the other rule", most=1e-9, each=True),
    ],
    # False alarms of a seed with 100 contexts: 1 %, 1e-3, 2e-4, 6e-5, 1e-5.
    ITSELF: [
        Bar("least p", "least p of contexts, 50,000 draws each", least=1e-4, strict=True, each=True),
        Bar("uniform p", "p that the p-values are uniform (Kolmogorov-Smirnov)", least=1e-3, strict=True, each=True),
        Bar("shown", "contexts of which p is below .001", most=0.02, each=True),
        Bar("off", "mean(1 / p_a) - K in standard errors", most=4.0, least=-4.0, strict=True, each=True),
        Bar("value off", "estimate of a value of 1, off by", most=0.02, least=-0.02, strict=True, each=True),
    ],
    # 0.2 % of a seed with 20 contexts.
    "vector against draws of all parameters": [
        Bar("least p", "least p of contexts", least=1e-4, strict=True, each=True)
    ],
    # 87 to 92 % over five seeds.
    "wrong: .5 % of exploration is not logged": [
        Bar("shown", "contexts that show it", least=0.85, each=True),
        Bar("shown without", "contexts that show what is not there", most=0.02, each=True),
    ],
    SOFTMAX: [
        Bar("shown", "contexts that show it", least=0.95, each=True),
        Bar("off", "mean(1 / q_a) - K in standard errors, and fails", least=4.0, strict=True, each=True),
        Bar("value off", "estimate of a value of 1, off by, and fails", least=0.02, strict=True, each=True),
    ],
    "wrong: 1,000 wins are counted": [
        Bar("error", "largest error, and fails", least=1e-5, strict=True, each=True),
        Bar("denied", "probability of arms that are logged as 0, and fails", least=1e-6, each=True),
        Bar("shown", "contexts that show it", least=0.95, each=True),
    ],
}


def analyse(results: Results) -> Analysis:
    """All bars, and what was claimed beside what was drawn."""
    return replace(judged(results, BARS, _found(results)), pictures=[_picture(results, *one) for one in PICTURES])


PICTURES = [
    (ITSELF, "logged", "Where the vector is logged, arms are drawn as often as it claims. 95 % intervals."),
    (
        SOFTMAX,
        "softmax",
        "The same draws where a softmax of the scores is logged, at the temperature that fits best: what it claims is "
        "off by whole percentage points, and so is every estimate that divides by it.",
    ),
]


def _picture(results: Results, kind: str, name: str, caption: str) -> Picture:
    return Picture(name, caption, pictures.calibration(results.where(kind=kind)))


def _found(results: Results) -> str:
    """In plain words."""
    vectors = [results.where(kind=kind).column("error").max() for kind in ("Gaussian vector", "Beta vector")]
    wrong, right = results.where(kind=SOFTMAX), results.where(kind=ITSELF)
    hidden = results.where(kind="wrong: .5 % of exploration is not logged").column("shown").mean()
    return (
        f"Probabilities are right to {vectors[0]:.0e} (Gaussian) and {vectors[1]:.0e} (Beta), and arms are drawn as "
        f"often as logged: of contexts, {right.column('shown').mean():.0%} show otherwise. Where half a percent of "
        f"exploration is hidden from the log {hidden:.0%} do. A softmax of scores in the log's place is shown by "
        f"{wrong.column('shown').mean():.0%} and estimates a value of 1 as {_range(wrong.column('value'))}."
    )


def _range(found: Floats) -> str:
    return " to ".join(f"{value:.2f}" for value in sorted({found.min(), found.max()}))
