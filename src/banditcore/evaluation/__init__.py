"""Off-policy evaluation of logs: what another policy would have earned, or why the log cannot say.

    log = read_log("log.parquet")
    evaluate(log, ["lin_ucb:alpha=0.5", "always:sale"])

`banditcore.formats` reads logs, docs/offline.md explains the figures.
"""

from banditcore.evaluation.evaluating import evaluate
from banditcore.evaluation.spec import PolicySpec, parse_policy
from banditcore.evaluation.targets import Target, parse_target

__all__ = ["PolicySpec", "Target", "evaluate", "parse_policy", "parse_target"]
