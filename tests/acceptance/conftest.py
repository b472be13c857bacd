"""The acceptance simulations: one code in two sizes, and a table of what was measured beside what must hold.

`make sims` runs them at full size, `make test` small, where bars that are means over runs are as much wider as fewer
runs scatter more. Seeds are fixed, so nothing flickers; the false-alarm rate in a docstring is what a fresh choice of
seeds would risk with sound code. Regret is expected reward lost against the best arm, without a floor unless one is
named.
"""

import numpy as np
import pytest

LINES = pytest.StashKey[list]()


@pytest.fixture(scope="session")
def note(request):
    """note(subject, measured, bar=""): a line of the table; numbers, or one number a run as mean and its error."""
    lines = request.config.stash.setdefault(LINES, [])
    return lambda subject, measured, bar="": lines.append((subject, shown(measured), bar))


def shown(measured):
    if isinstance(measured, str):
        return measured
    values = np.atleast_1d(measured)
    if len(values) == 1:
        return f"{values[0]:.3g}"
    return f"{values.mean():.4g} +- {values.std(ddof=1) / np.sqrt(len(values)):.2g}"


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(LINES, [])
    if lines and (config.getoption("--full") or config.getoption("verbose") > 0):
        terminalreporter.section("measured, +- standard error over runs")
        for subject, measured, bar in lines:
            terminalreporter.write_line(f"{subject:<75} {measured:<18} {bar}")
