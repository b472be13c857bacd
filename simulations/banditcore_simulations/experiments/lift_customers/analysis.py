"""Bars of the lift of data that do not simply arrive."""

from __future__ import annotations

from banditcore_simulations.lab.analysis import Analysis
from banditcore_simulations.lab.bars import Bar, Bars, judged
from banditcore_simulations.lab.results import Results

GROWING = ("count", "any", "rate")
BARS: Bars = {
    # False alarm 1e-3.
    "closed loop": [
        Bar("rule", "the realised lift is covered at all looks, .04 + .01", least=0.95, of=600, small=0.85),
        Bar("open", "the same, open .05", least=0.95, of=600, small=0.85),
        Bar("peeked", "the same, 95 % interval peeked at, and fails", most=0.85),
        Bar("wrong", "claims a lift where there is none, a loss where there is a lift", most=0.05, of=600),
    ],
    # 1e-2.
    "outcomes that grow": [
        bar
        for kind in GROWING
        for bar in (
            Bar(f"{kind}, closed", f"{kind}, windows closed: claims", most=0.05, of=1_000, small=0.1),
            Bar(f"{kind}, so far", f"{kind}, so far, information clock: claims", most=0.06, of=1_000, small=0.1),
            Bar(f"{kind}, customers", f"{kind}, customers for a clock: claims, and fails", least=0.07),
        )
    ],
    # 1e-2.
    "orders": [
        Bar("customers", "95 % interval covers with the error of customers", least=0.935, of=2_000, small=0.9),
        Bar(
            "covariate", "95 % interval covers with the error of customers, covariate", least=0.935, of=2_000, small=0.9
        ),
        Bar("orders", "95 % interval covers with the error of orders, and fails", most=0.8),
        Bar("variance", "variance with the covariate over without", most=0.67),
    ],
    # .05 and two standard errors; 1e-2.
    "covariate": [
        Bar("wrong", "A/A, ratio with a covariate, planned .04 + open .01, claims", most=0.068, of=600, small=0.2)
    ],
    # 1e-2.
    "epochs": [
        Bar("wrong", "stratified, planned .04 + open .01, claims", most=0.07, of=500, small=0.17),
        Bar("poured", "poured together, last look, claims, and fails", least=0.95),
    ],
    # z scatters by .016 over 4,000 runs, .05 over 400; 1e-3.
    "small epochs": [
        Bar("z", "mean of z", least=-0.08, most=0.08),
        Bar("covered", "95 % interval covers", least=0.935, of=4_000, small=0.92),
        Bar("by variance", "mean of z with weights of 1 / variance, and fails", most=-0.25),
    ],
}


def analyse(results: Results) -> Analysis:
    """All bars."""
    found = "Learning, growing outcomes, many orders a customer and moving shares leave the lift's error as stated."
    return judged(results, BARS, found)
