"""The client for asyncio; method for method the one in `sync.py`."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

import grpc
import grpc.aio

from banditcore.client import calls, offline
from banditcore.client.answers import Answer, AnswerColumns, Applied
from banditcore.client.calls import Attributes, Call, Definition
from banditcore.client.channel import DEFAULT_TARGET, OPTIONS, Stubs
from banditcore.client.errors import from_call
from banditcore.findings import Report
from banditcore.offline import ImportResult, MergeResult, UnitReward
from banditcore.types import Experiment, Explanation, Floats, Reward, RewardResult

T = TypeVar("T")
# Inside the classes `list` is the method.
Experiments = list[Experiment]
AppliedExperiments = list[Applied]


class AsyncClient:
    """A connection to one server; belongs to the event loop it is made in.

    Calls raise the errors of `banditcore.errors`, or CallFailed when the server could not be reached in time.
    Each has a deadline: `timeout_s`, and `batch_timeout_s` for batches, explanations and reports. A call that
    ends in UNAVAILABLE is repeated within its deadline; request ids are made up so that this is safe.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout_s: float = 1.0,
        batch_timeout_s: float = 10.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._timeout_s, self._batch_timeout_s = timeout_s, batch_timeout_s
        self._channel = (
            grpc.aio.secure_channel(target, credentials, options=OPTIONS)
            if credentials
            else grpc.aio.insecure_channel(target, options=OPTIONS)
        )
        self._stubs = Stubs(self._channel)

    async def decide(
        self,
        experiment: str,
        unit: str,
        attributes: Attributes | None = None,
        *,
        eligible: Sequence[str] = (),
        request_id: str = "",
    ) -> Answer:
        """Which variant to show one unit in one context."""
        return await self._run(calls.decide(experiment, unit, attributes or {}, eligible, request_id))

    async def batch_decide(
        self,
        experiment: str,
        units: Sequence[str],
        contexts: Sequence[Attributes],
        *,
        eligible: Sequence[Sequence[str]] = (),
        request_id: str = "",
    ) -> list[Answer]:
        """Up to 10,000 decisions, all or none. `eligible`: none, one for all, or one a unit."""
        return await self._run(calls.batch_decide(experiment, units, contexts, eligible, request_id))

    async def batch_decide_columns(
        self,
        experiment: str,
        units: Sequence[str],
        vectors: Floats,
        *,
        eligible: Sequence[str] = (),
        request_id: str = "",
    ) -> AnswerColumns:
        """As `batch_decide`, for contexts already encoded: `vectors` is (n, d) float64. Many times cheaper."""
        return await self._run(calls.batch_decide_columns(experiment, units, vectors, eligible, request_id))

    async def record_exposure(self, decision_id: str) -> bool:
        """Says that a decision was shown; True when that was known."""
        return await self._run(calls.record_exposure(decision_id))

    async def record_reward(self, decision_id: str, goal: str, value: float, *, key: str = "") -> RewardResult:
        """Records one observation. Raises when it is refused."""
        return (await self.record_rewards([Reward(decision_id, goal, value, key)]))[0]

    async def record_rewards(self, rewards: Sequence[Reward]) -> list[RewardResult]:
        """Records up to 10,000 observations, each judged by itself. Raises only when all are refused."""
        return await self._run(calls.record_rewards(rewards))

    async def import_rewards(
        self, experiment: str, rewards: Sequence[UnitReward], rule: str = "last"
    ) -> list[ImportResult]:
        """Records what up to 10,000 units earned elsewhere, each judged by itself; `rule`: last, first or all."""
        return await self._run(offline.import_rewards(experiment, rewards, rule))

    async def merge_units(self, experiment: str, merges: Sequence[tuple[str, str]]) -> list[MergeResult]:
        """Decides for the second unit of each pair when the first is asked for; up to 10,000, each by itself."""
        return await self._run(offline.merge_units(experiment, merges))

    async def explain(self, decision_id: str) -> Explanation:
        """Everything needed to defend one decision."""
        return await self._run(calls.explain(decision_id))

    async def apply(self, source: Definition) -> AppliedExperiments:
        """Brings into force what a TOML file, a dictionary with a `name`, or an ExperimentSpec declares, and says what
        each holdout can show."""
        return [await self._run(calls.apply(spec)) for spec in calls.definitions(source)]

    async def get(self, name: str) -> Experiment:
        """One experiment."""
        return await self._run(calls.get(name))

    async def list(self, *, page_size: int = 0) -> Experiments:
        """All experiments by name, fetched page by page."""
        experiments, token = await self._run(calls.page("", page_size))
        while token:
            more, token = await self._run(calls.page(token, page_size))
            experiments += more
        return experiments

    async def pause(self, name: str) -> Experiment:
        """Stops an experiment from deciding until it is resumed."""
        return await self._run(calls.pause(name))

    async def resume(self, name: str) -> Experiment:
        """Lets a paused experiment decide again."""
        return await self._run(calls.resume(name))

    async def archive(self, name: str) -> Experiment:
        """Stops an experiment for good."""
        return await self._run(calls.archive(name))

    async def report(self, name: str) -> Report:
        """What an experiment has shown so far."""
        return await self._run(calls.report(name))

    async def close(self) -> None:
        """Ends the connection; calls in flight fail."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, call: Call[T]) -> T:
        timeout = self._batch_timeout_s if call.slow else self._timeout_s
        try:
            message = await self._stubs.method(call.method)(call.request, timeout=timeout)
        except grpc.RpcError as error:
            raise from_call(error) from None
        return call.parse(message)
