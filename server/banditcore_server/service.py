"""What each call does, in messages and domain types; which transport brought the call is not known here."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import accumulate, chain
from typing import TYPE_CHECKING, TypeVar

from banditcore import planning
from banditcore.client.definition import from_message, wire_field
from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.futures import then
from banditcore.offline import ImportResult
from banditcore.types import Reward, RewardResult
from banditcore.v1 import decision_service_pb2 as decision_pb
from banditcore.v1 import experiment_service_pb2 as experiment_pb
from banditcore.v1 import report_pb2 as report_pb
from banditcore_server import convert, convert_offline, convert_report
from banditcore_server.completions import Completions
from banditcore_server.gathering import Gathering
from banditcore_server.status import AllRefused

if TYPE_CHECKING:
    from banditcore.engine import DecisionEngine
    from banditcore.types import DecisionBatch, Floats, Value

T = TypeVar("T")
SERVICES = (
    decision_pb.DESCRIPTOR.services_by_name["DecisionService"],
    experiment_pb.DESCRIPTOR.services_by_name["ExperimentService"],
)
"""What a front end offers: a handler is named as its method, in snake case, in the class named as the service."""

MAX_REWARDS = 10_000
GATHERED_REWARDS = 64
"""Calls with at most so many rewards share a write with others; larger ones have one of their own."""
DEFAULT_PAGE, MAX_PAGE = 100, 1_000


class DecisionService:
    """The handlers of banditcore.v1.DecisionService."""

    def __init__(self, engine: DecisionEngine) -> None:
        self._engine = engine
        self._completions = Completions()
        self._asks = Gathering(engine.submit_decisions)
        self._rewards = Gathering(self._submit_rewards)

    async def decide(self, request: decision_pb.DecideRequest) -> decision_pb.DecideResponse:
        try:
            decision = await self._asks.ask(convert.ask(request))
        except InvalidInput as error:
            raise _renamed(error, _decide_field) from None
        return convert.decide_response(decision)

    async def batch_decide(self, request: decision_pb.BatchDecideRequest) -> decision_pb.BatchDecideResponse:
        match request.WhichOneof("form"):
            case "rows":
                return convert.rows_response(await self._decide_rows(request))
            case "columns":
                return convert.columns_response(await self._decide_columns(request))
            case _:
                raise InvalidInput("one of rows and columns is required", field="form")

    async def _decide_rows(self, request: decision_pb.BatchDecideRequest) -> DecisionBatch:
        rows = request.rows.items
        if not rows:
            raise InvalidInput("a batch needs at least one decision", field="rows.items")
        try:
            return await self._batch(
                request,
                [row.unit for row in rows],
                [convert.attributes(row.attributes) for row in rows],
                convert.row_eligible(rows),
            )
        except InvalidInput as error:
            raise _renamed(error, _row_field) from None

    async def _decide_columns(self, request: decision_pb.BatchDecideRequest) -> DecisionBatch:
        columns = request.columns
        if not columns.units:
            raise InvalidInput("a batch needs at least one decision", field="columns.units")
        contexts = convert.contexts(columns)
        try:
            eligible = [columns.eligible_variants] if columns.eligible_variants else ()
            return await self._batch(request, list(columns.units), contexts, eligible)
        except InvalidInput as error:
            raise _renamed(error, _column_field) from None

    async def _batch(
        self,
        request: decision_pb.BatchDecideRequest,
        units: list[str],
        contexts: Sequence[Mapping[str, Value]] | Floats,
        eligible: Sequence[Sequence[str]],
    ) -> DecisionBatch:
        # On a thread: a large batch may compute for seconds, without the interpreter's lock, and everybody else's
        # calls go on meanwhile.
        future = await asyncio.to_thread(
            self._engine.submit_batch,
            request.experiment,
            units,
            contexts,
            eligible=eligible,
            request_id=request.request_id,
        )
        return await self._completions.wait(future)

    async def record_exposure(self, request: decision_pb.RecordExposureRequest) -> decision_pb.RecordExposureResponse:
        future = self._engine.submit_exposure(request.decision_id)
        return decision_pb.RecordExposureResponse(duplicate=await self._completions.wait(future))

    async def record_rewards(self, request: decision_pb.RecordRewardsRequest) -> decision_pb.RecordRewardsResponse:
        count = len(request.rewards)
        if not 1 <= count <= MAX_REWARDS:
            raise InvalidInput(f"rewards must have 1 to {MAX_REWARDS:,} elements, found {count:,}", field="rewards")
        results = await self._record([_reward(message) for message in request.rewards])
        _fail_if_all_refused(results)
        return decision_pb.RecordRewardsResponse(results=map(convert.reward_result, results))

    async def _record(self, rewards: Sequence[Reward | BanditcoreError]) -> list[RewardResult]:
        """Records the well-formed ones; the malformed ones keep their place and their error."""
        good = [reward for reward in rewards if isinstance(reward, Reward)]
        results: list[RewardResult] = []
        if len(good) > GATHERED_REWARDS:
            results = await self._completions.wait(self._engine.submit_rewards(good))
        elif good:
            results = await self._rewards.ask(good)
        recorded = iter(results)
        return [
            RewardResult(error=reward) if isinstance(reward, BanditcoreError) else next(recorded) for reward in rewards
        ]

    def _submit_rewards(self, calls: Sequence[list[Reward]]) -> Future[list[list[RewardResult] | BanditcoreError]]:
        """The rewards of several calls with one write, and their results call by call."""
        ends = list(accumulate(map(len, calls)))
        together = self._engine.submit_rewards(list(chain.from_iterable(calls)))
        return then(
            together, lambda results: [results[end - len(call) : end] for call, end in zip(calls, ends, strict=True)]
        )

    async def import_rewards(self, request: decision_pb.ImportRewardsRequest) -> decision_pb.ImportRewardsResponse:
        count, rule = len(request.rewards), convert_offline.rule(request.rule)
        if not 1 <= count <= MAX_REWARDS:
            raise InvalidInput(f"rewards must have 1 to {MAX_REWARDS:,} elements, found {count:,}", field="rewards")
        rewards, refused = convert_offline.unit_rewards(request.rewards)
        results: list[ImportResult] = []
        if rewards:
            # On a thread: looking decisions up takes a while.
            future = await asyncio.to_thread(self._engine.submit_import, request.experiment, rewards, rule)
            results = await self._completions.wait(future)
        for place, result in refused.items():
            results.insert(place, result)
        return decision_pb.ImportRewardsResponse(results=map(convert_offline.import_result, results))

    async def merge_units(self, request: decision_pb.MergeUnitsRequest) -> decision_pb.MergeUnitsResponse:
        merges = [(merge.unit, merge.into) for merge in request.merges]
        results = await self._completions.wait(self._engine.submit_merges(request.experiment, merges))
        return decision_pb.MergeUnitsResponse(results=map(convert_offline.merge_result, results))

    async def explain_decision(
        self, request: decision_pb.ExplainDecisionRequest
    ) -> decision_pb.ExplainDecisionResponse:
        explanation = await asyncio.to_thread(self._engine.explain, request.decision_id)
        return decision_pb.ExplainDecisionResponse(explanation=convert.explanation(explanation))


class ExperimentService:
    """The handlers of banditcore.v1.ExperimentService; all may block, so all run on threads."""

    def __init__(self, engine: DecisionEngine) -> None:
        self._engine = engine

    async def apply(self, request: experiment_pb.ApplyRequest) -> experiment_pb.ApplyResponse:
        if not request.HasField("definition"):
            raise InvalidInput("definition is required", field="definition")
        spec = from_message(request.definition)
        try:
            applied = await asyncio.to_thread(self._engine.apply, spec)
        except BanditcoreError as error:
            raise _renamed(error, lambda field: wire_field(spec.name, field)) from None
        power = await asyncio.to_thread(self._engine.plan, spec.name)
        return experiment_pb.ApplyResponse(
            experiment=convert.experiment(applied),
            power=convert_report.power(power) if power else None,
            planning=planning.sentence(applied.spec, power),
        )

    async def get(self, request: experiment_pb.GetRequest) -> experiment_pb.GetResponse:
        experiment = await self._by_name(self._engine.get, request.name)
        return experiment_pb.GetResponse(experiment=convert.experiment(experiment))

    async def list(self, request: experiment_pb.ListRequest) -> experiment_pb.ListResponse:
        size, after = _page_size(request.page_size), _page_start(request.page_token)
        experiments = await asyncio.to_thread(self._engine.list)
        rest = sorted((e for e in experiments if e.spec.name > after), key=lambda e: e.spec.name)
        page = rest[:size]
        return experiment_pb.ListResponse(
            experiments=map(convert.experiment, page),
            next_page_token=_page_token(page[-1].spec.name) if len(rest) > size else "",
        )

    async def pause(self, request: experiment_pb.PauseRequest) -> experiment_pb.PauseResponse:
        experiment = await self._by_name(self._engine.pause, request.name)
        return experiment_pb.PauseResponse(experiment=convert.experiment(experiment))

    async def resume(self, request: experiment_pb.ResumeRequest) -> experiment_pb.ResumeResponse:
        experiment = await self._by_name(self._engine.resume, request.name)
        return experiment_pb.ResumeResponse(experiment=convert.experiment(experiment))

    async def archive(self, request: experiment_pb.ArchiveRequest) -> experiment_pb.ArchiveResponse:
        experiment = await self._by_name(self._engine.archive, request.name)
        return experiment_pb.ArchiveResponse(experiment=convert.experiment(experiment))

    async def get_report(self, request: experiment_pb.GetReportRequest) -> experiment_pb.GetReportResponse:
        return experiment_pb.GetReportResponse(report=await self._by_name(self._report, request.name))

    def _report(self, name: str) -> report_pb.Report:
        # On the thread that computes it: thousands of rows take longer to lay out than the loop may stand still.
        return convert_report.report(self._engine.report(name))

    async def _by_name(self, call: Callable[[str], T], name: str) -> T:
        try:
            return await asyncio.to_thread(call, name)
        except BanditcoreError as error:
            raise _renamed(error, _name_field) from None


def _reward(message: decision_pb.Reward) -> Reward | BanditcoreError:
    try:
        return convert.reward(message)
    except InvalidInput as error:
        return error


def _fail_if_all_refused(results: Sequence[RewardResult]) -> None:
    errors = [result.error for result in results if result.error]
    if len(errors) < len(results):
        return
    for index, error in enumerate(errors):
        error.field = f"rewards[{index}].{error.field}" if error.field else f"rewards[{index}]"
    raise AllRefused(errors)


# ---- from the engine's field paths to the request's


def _renamed(error: BanditcoreError, rename: Callable[[str], str]) -> BanditcoreError:
    error.field = rename(error.field)
    return error


def _decide_field(field: str) -> str:
    return re.sub(r"^eligible\b", "eligible_variants", field)


def _name_field(field: str) -> str:
    return re.sub(r"^experiment$", "name", field)


def _row_field(field: str) -> str:
    field = re.sub(r"^items\b", "rows.items", field)
    field = re.sub(r"^units(\[\d+\])", r"rows.items\1.unit", field)
    field = re.sub(r"^contexts(\[\d+\])", r"rows.items\1.attributes", field)
    # One filter for all can only come from a batch of one row.
    return re.sub(r"^eligible\b", "rows.items[0].eligible_variants", field)


def _column_field(field: str) -> str:
    field = re.sub(r"^(items$|units\b)", "columns.units", field)
    return re.sub(r"^(contexts|eligible)\b", lambda m: _COLUMNS[m[0]], field)


_COLUMNS = {"contexts": "columns.contexts", "eligible": "columns.eligible_variants"}


# ---- pages


def _page_size(size: int) -> int:
    if size < 0:
        raise InvalidInput(f"page_size must not be negative, found {size}", field="page_size")
    return min(size or DEFAULT_PAGE, MAX_PAGE)


def _page_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _page_start(token: str) -> str:
    """The name after which the page starts; experiments may come and go between two pages."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidInput(
            "page_token is none this server gave: take next_page_token of the last page", field="page_token"
        ) from None
