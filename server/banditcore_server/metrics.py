"""Prometheus text over HTTP, on a thread of its own; nothing is computed unless somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from banditcore.types import ExperimentHealth, Health, StoreHealth
from banditcore_server.addresses import Address, CannotListen
from banditcore_server.calls import BOUNDS_S, Calls

_BUCKETS = [*map(floatToGoString, BOUNDS_S), "+Inf"]
_EXPERIMENTS: list[tuple[type[GaugeMetricFamily | CounterMetricFamily], str, str, str]] = [
    (GaugeMetricFamily, "model_position", "position", "Position in the log up to which the serving model has learned."),
    (GaugeMetricFamily, "fold_lag_events", "lag_events", "Resolutions in the log not learned from yet."),
    (GaugeMetricFamily, "fold_lag_seconds", "lag_s", "Age of the oldest resolution not learned from yet."),
    (GaugeMetricFamily, "open_decisions", "open_decisions", "Decisions neither rewarded nor past their window."),
    (
        CounterMetricFamily,
        "degraded_decisions",
        "degraded",
        "Decisions that the policy failed to make, or that could not be logged.",
    ),
]


def serve_metrics(address: Address, health: Callable[[], Health], drift_us: Callable[[], int], calls: Calls) -> Address:
    """Serves until the process ends; returns the address with the port that was chosen. Raises CannotListen."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Figures(health, drift_us, calls))
    try:
        server, _ = start_http_server(address.port, address.host, registry)
    except OSError:
        raise CannotListen(f"cannot listen on {address}: it was taken a moment ago") from None
    return Address(address.host, int(server.server_port))


class _Figures(Collector):
    def __init__(self, health: Callable[[], Health], drift_us: Callable[[], int], calls: Calls) -> None:
        self._health, self._drift_us, self._calls = health, drift_us, calls

    def collect(self) -> Iterator[Metric]:
        yield from _of_calls(self._calls)
        yield _gauge("clock_drift_seconds", "How far the wall clock is ahead of the server's.", self._drift_us() / 1e6)
        health = self._health()
        yield from _of_store(health.store)
        yield from _of_experiments(health.experiments)

    def describe(self) -> list[Metric]:
        return []


def _of_calls(calls: Calls) -> Iterator[Metric]:
    total = CounterMetricFamily("banditcore_calls", "Calls answered.", labels=["method", "code"])
    for labels, count in sorted(calls.codes().items()):
        total.add_metric(labels, count)
    yield total
    times = HistogramMetricFamily("banditcore_call_seconds", "From a call's arrival to its answer.", labels=["method"])
    for method, (buckets, seconds) in sorted(calls.times().items()):
        times.add_metric([method], list(zip(_BUCKETS, buckets, strict=True)), seconds)
    yield times


def _of_store(store: StoreHealth) -> Iterator[Metric]:
    yield _gauge("store_up", "1 while calls can be made durable.", float(store.up))
    if store.wal_bytes >= 0:
        yield _gauge("store_wal_bytes", "Size of the store's write-ahead log.", store.wal_bytes)
    if store.checkpoint_age_s >= 0:
        age = "Since the write-ahead log was last copied back."
        yield _gauge("store_checkpoint_age_seconds", age, store.checkpoint_age_s)
    if store.free_bytes >= 0:
        yield _gauge("store_free_bytes", "Left on the disk of the store.", store.free_bytes)


def _of_experiments(experiments: tuple[ExperimentHealth, ...]) -> Iterator[Metric]:
    for kind, name, field, text in _EXPERIMENTS:
        family = kind(f"banditcore_{name}", text, labels=["experiment"])
        for experiment in experiments:
            family.add_metric([experiment.name], getattr(experiment, field))
        yield family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"banditcore_{name}", text, value=value)
