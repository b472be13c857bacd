"""Settings for the whole suite."""

from hypothesis import HealthCheck, settings

# The same examples on every run, and no verdict on how fast the machine is.
settings.register_profile("banditcore", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("banditcore")


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="acceptance simulations at the size their bars are meant for")
