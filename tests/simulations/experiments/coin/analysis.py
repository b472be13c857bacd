import numpy as np

from banditcore_simulations.lab.analysis import Analysis, Check, Table


def analyse(results):
    worst = float(np.abs(results.column("off")).max())
    rows = [(coin, float(group.column("off").mean())) for (coin,), group in results.by("coin")]
    return Analysis(
        f"Coins are off by at most {worst:.3f}.",
        tables=[Table("Coins", ("coin", "off"), rows, "Mean over tosses and seeds.")],
        checks=[Check("the largest error", f"{worst:.3f}", "at most 0.2", worst <= 0.2)],
    )
