"""How both clients reach the server."""

from __future__ import annotations

import json
from typing import Any

from banditcore.v1.decision_service_pb2_grpc import DecisionServiceStub
from banditcore.v1.experiment_service_pb2_grpc import ExperimentServiceStub

DEFAULT_TARGET = "127.0.0.1:7437"

# Every call may be repeated: decisions carry a request id, rewards a key, the rest is idempotent by nature.
# Throttling keeps the retries of many clients from piling onto a server in trouble.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                {"service": "banditcore.v1.DecisionService"},
                {"service": "banditcore.v1.ExperimentService"},
            ],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 30_000),
    # Sooner than the retries of a call run out: a restarted server, or another of several, is then found again.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
]


class Stubs:
    """The callables of both services by method name; their names do not overlap."""

    def __init__(self, channel: Any) -> None:
        self._services = (DecisionServiceStub(channel), ExperimentServiceStub(channel))  # type: ignore[no-untyped-call]

    def method(self, name: str) -> Any:
        decisions, experiments = self._services
        return getattr(decisions, name, None) or getattr(experiments, name)
