"""DecisionEngine: the product in one process. The gRPC server is this, behind a front end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from banditcore import importing, ledger
from banditcore.analyst import Analyst
from banditcore.asking import Outcome, sort
from banditcore.assignment import DecisionIds, id_stream
from banditcore.clock import SteadyClock
from banditcore.deciding import History, choose, identified, masks, replay
from banditcore.declaring import Declaring
from banditcore.errors import BanditcoreError, InvalidInput, NotAllowedNow, NotFound
from banditcore.estimators.power import plan
from banditcore.experiments import Chance
from banditcore.explain import explain
from banditcore.findings import Alarm, Power, Report
from banditcore.futures import Otherwise, completed
from banditcore.health import Counts, health
from banditcore.inforce import InForce
from banditcore.learner import Learner
from banditcore.merging import MAX_MERGES, Merge
from banditcore.offline import ImportResult, MergeResult, UnitReward
from banditcore.policies.base import Policy
from banditcore.reporting import report
from banditcore.reporting.checks import Facts
from banditcore.retention import Retention
from banditcore.storage.base import Asked, Reader, Store, Transaction
from banditcore.types import (
    Ask,
    Decision,
    DecisionBatch,
    Experiment,
    Explanation,
    Floats,
    Health,
    Reward,
    RewardResult,
    Value,
)
from banditcore.validation import reward as check_reward
from banditcore.validation import text, texts

T = TypeVar("T")
# Inside the class `list` is the method.
Experiments = list[Experiment]
RewardResults = list[RewardResult]
ImportResults = list[ImportResult]
MergeResults = list[MergeResult]
Outcomes = list[Outcome]
Placed = tuple[int, Outcome]
MAX_BATCH = 10_000
REPORT_S = 0.1
"""How long a report may count what is new before it is made."""
MAX_PROBABILITIES = 5_000_000
"""In the vectors of one call, which are logged whole: 40 MB."""


class DecisionEngine(Declaring):
    """Decides, learns and reports on one store.

    Thread-safe. `submit_*` return futures that complete once the store has made the call durable; the plain
    methods wait for them. Errors are `banditcore.errors`. A request id makes a call safe to repeat: the first
    answer is given again. With `learn_in_background=False` nothing is learned until `catch_up()`. `clock` gives
    microseconds since the Unix epoch; None: a `SteadyClock` that starts after the store's latest decision.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], int] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        id_start: int | None = None,
        chance: Chance | None = None,
        learn_in_background: bool = True,
        report_error: Callable[[str, Exception], None] = lambda experiment, error: None,
        raised: Callable[[str, Alarm], None] = lambda experiment, alarm: None,
    ) -> None:
        """`raised` hears of each new alarm of an experiment.

        `monotonic` (seconds) and `id_start` (see `DecisionIds`) are for simulations that must run alike twice, and so
        is `chance`, which draws variants in place of the keyed hashes of decision ids. What such an engine logs is
        lawful, but neither `explain` nor an audit can draw again: both will say that it is not what the hash gives.
        """
        try:
            self._open(store, clock, monotonic, id_start, chance, report_error, raised)
        except BaseException:
            # The caller has no engine to close; the store's lock must not outlive the attempt.
            store.close()
            raise
        self._in_background = learn_in_background
        if learn_in_background:
            self._learner.start()
            self._analyst.start()

    def _open(
        self,
        store: Store,
        clock: Callable[[], int] | None,
        monotonic: Callable[[], float],
        id_start: int | None,
        chance: Chance | None,
        report_error: Callable[[str, Exception], None],
        raised: Callable[[str, Alarm], None],
    ) -> None:
        last = store.last_decision_id()
        clock = clock or SteadyClock.of(store)
        self._store = store
        self._clock = clock
        self._ids = DecisionIds(store.secret, last=last, start=id_start)
        self._degraded, self._unlogged = Counts(), Counts()
        self._received, self._late = Counts(), Counts()
        self._history = History()
        self._closed = False
        self._experiments = InForce(store, report_error, chance)
        self._learner = Learner(
            store,
            clock,
            self._experiments.all,
            self._experiments.publish,
            monotonic=monotonic,
            refresh=self._experiments.refresh,
            tidy=Retention(store, clock).step,
            report_error=report_error,
        )
        self._experiments.load(self._learner)
        self._analyst = Analyst(
            store,
            clock,
            self._experiments.all,
            self._experiments.take_standing,
            monotonic=monotonic,
            report_error=report_error,
            raised=raised,
        )

    def close(self) -> None:
        """Commits what was submitted, folds and saves what can be learned, and closes the store. Twice is once."""
        if self._closed:
            return
        self._closed = True
        self._store.hurry()
        try:
            self._analyst.close()
            self._learner.close()
        finally:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Decisions

    def decide(
        self,
        experiment: str,
        unit: str,
        attributes: Mapping[str, Value] | None = None,
        *,
        eligible: Sequence[str] = (),
        request_id: str = "",
    ) -> Decision:
        """Which variant to show this unit now. Returns once the decision is durable in the log.

        `unit` has 1 to 256 bytes in UTF-8; `attributes` are those of the experiment's context; `eligible`
        restricts the variants (empty: all) and must hold the control.
        """
        ask = Ask(experiment, unit, attributes or {}, eligible, request_id)
        outcome = self.submit_decisions([ask]).result()[0]
        if isinstance(outcome, BanditcoreError):
            raise outcome
        return outcome

    def submit_decisions(self, asks: Sequence[Ask]) -> Future[Outcomes]:
        """Decides for many callers at once: each judged by itself, all durable with one write.

        Means what as many calls of `decide` would, and costs a fraction of it.
        """
        asking, refused = sort(asks, self._experiments.find)
        chosen = [(group, group.choose(self._ids, self._clock())) for group in asking]

        def operation(tx: Transaction) -> Outcomes:
            _refuse_answered(answers)
            written = (group.write(tx, answer, self._history) for group, answer in chosen)
            return _in_order(refused, written)

        def unlogged() -> Outcomes:
            self._unlogged.add(ask.experiment for ask in asks)
            return _in_order(refused, (group.unlogged(answer) for group, answer in chosen))

        if not chosen:
            return completed(_in_order(refused, ()))
        answers = Otherwise(unlogged)
        answers.add_done_callback(self._count_degraded)
        return answers.follow(self._store.write(operation, [group.live.stream for group in asking]))

    def _count_degraded(self, done: Future[Outcomes]) -> None:
        if done.exception() is None:
            made = [outcome for outcome in done.result() if isinstance(outcome, Decision) and outcome.degraded]
            self._degraded.add(decision.experiment for decision in made if not decision.duplicate)

    def decide_batch(
        self,
        experiment: str,
        units: Sequence[str],
        contexts: Sequence[Mapping[str, Value]] | Floats,
        *,
        eligible: Sequence[Sequence[str]] = (),
        request_id: str = "",
    ) -> DecisionBatch:
        """Up to 10,000 decisions at once, durable together.

        `contexts` is one mapping of attributes a unit, or (n, d) float64 of vectors encoded already.
        `eligible` is empty (all variants), one list for all, or one list a unit.
        """
        return self.submit_batch(experiment, units, contexts, eligible=eligible, request_id=request_id).result()

    def submit_batch(
        self,
        experiment: str,
        units: Sequence[str],
        contexts: Sequence[Mapping[str, Value]] | Floats,
        *,
        eligible: Sequence[Sequence[str]] = (),
        request_id: str = "",
    ) -> Future[DecisionBatch]:
        live, refusal = self._experiments.find(experiment)
        text(request_id, "request_id", least=0)
        most = min(MAX_BATCH, MAX_PROBABILITIES // len(live.arms))
        if not 1 <= len(units) <= most:
            raise InvalidInput(f"a batch has 1 to {most} decisions here, found {len(units)}: split it", field="items")
        if len(contexts) != len(units):
            raise InvalidInput(f"{len(units)} units but {len(contexts)} contexts: send one each", field="contexts")
        encoded_units = texts(units, "units")
        if isinstance(contexts, np.ndarray):
            vectors = live.schema.check(contexts)
        else:
            vectors = np.empty((len(units), live.schema.n_features))
            for index, attributes in enumerate(contexts):
                vectors[index] = live.schema.encode(attributes, field=f"items[{index}].attributes")
        decided_for, encoded_units = identified(live, units, encoded_units)
        answer = choose(
            live, self._ids, decided_for, encoded_units, vectors, masks(live, eligible, len(units)), self._clock()
        )

        def operation(tx: Transaction) -> DecisionBatch:
            _refuse_answered(answers)
            if request_id and (earlier := tx.request(request_id)) is not None:
                return replay(live, answer, earlier, tx, self._history).reply
            if refusal is not None:
                raise refusal
            tx.append_decisions(answer.columns, [Asked(request_id, 0, len(units))] if request_id else ())
            return answer.reply

        def unlogged() -> DecisionBatch:
            if refusal is not None:
                raise refusal
            self._unlogged.add([experiment] * len(units))
            return replace(answer.reply, degraded=True)

        answers = Otherwise(unlogged)
        answers.add_done_callback(self._count_degraded_batch)
        return answers.follow(self._store.write(operation, [live.stream]))

    def _count_degraded_batch(self, done: Future[DecisionBatch]) -> None:
        if done.exception() is None and (batch := done.result()).degraded and not batch.duplicate:
            self._degraded.add([batch.experiment] * len(batch.units))

    # Exposures and rewards

    def expose(self, decision_id: str) -> bool:
        """Says that a decision was really shown; returns True when that was known already."""
        return self.submit_exposure(decision_id).result()

    def submit_exposure(self, decision_id: str) -> Future[bool]:
        decision = self._known(decision_id)
        future = self._store.write(
            lambda tx: ledger.record_exposure(tx, decision, decision_id, self._spec_of(tx), self._clock()),
            [id_stream(decision)],
        )
        future.add_done_callback(lambda done: self._learner.wake())
        return future

    def reward(self, decision_id: str, goal: str, value: float, key: str = "") -> RewardResult:
        """Records what a decision earned, durably and once; raises what `RewardResult.error` would hold."""
        result = self.submit_rewards([Reward(decision_id, goal, value, key)]).result()[0]
        if result.error is not None:
            raise result.error
        return result

    def submit_rewards(self, rewards: Sequence[Reward]) -> Future[RewardResults]:
        """Records each reward by itself: one that is refused does not touch the others."""
        if not 1 <= len(rewards) <= MAX_BATCH:
            raise InvalidInput(f"a call has 1 to {MAX_BATCH} rewards, found {len(rewards)}: split it", field="rewards")
        refused: dict[int, RewardResult] = {}
        sound: list[tuple[bytes, Reward]] = []
        for index, reward in enumerate(rewards):
            try:
                sound.append((self._known(check_reward(reward).decision_id), reward))
            except BanditcoreError as error:
                refused[index] = RewardResult(error=error)

        def operation(tx: Transaction) -> RewardResults:
            results = iter(ledger.record_rewards(tx, sound, self._spec_of(tx), self._clock()))
            return [refused[index] if index in refused else next(results) for index in range(len(rewards))]

        if not sound:
            return completed([refused[index] for index in range(len(rewards))])
        future = self._store.write(operation, {id_stream(decision) for decision, _ in sound})
        future.add_done_callback(lambda done: self._count_rewards(rewards, done))
        return future

    def _count_rewards(self, rewards: Sequence[Reward], done: Future[RewardResults]) -> None:
        """By stream, since that is what an id says; one that is forged or unknown may be anybody's."""
        self._learner.wake()
        if done.exception() is not None:
            return
        received, late = [], []
        for reward, result in zip(rewards, done.result(), strict=True):
            if not isinstance(result.error, NotFound | InvalidInput):
                stream = str(id_stream(bytes.fromhex(reward.decision_id)))
                received.append(stream)
                if isinstance(result.error, NotAllowedNow):
                    late.append(stream)
        # Once a call, since each takes a lock.
        self._received.add(received)
        self._late.add(late)

    def import_rewards(self, experiment: str, rewards: Sequence[UnitReward], rule: str = "last") -> ImportResults:
        """Records what units earned elsewhere, such as in shops; the results are those of the rows, in their order."""
        return self.submit_import(experiment, rewards, rule).result()

    def submit_import(
        self, experiment: str, rewards: Sequence[UnitReward], rule: str = "last"
    ) -> Future[ImportResults]:
        """Attributes up to 10,000 rewards to decisions of their units, each judged by itself.

        A reward belongs to a decision that was made at or before it happened and less than the goal's window before
        it; of several to the last or the first, or to all of them with its full value. Where exposure is explicit,
        only what was shown is among them. It may arrive until window and delay of the decision have passed. The same
        row again is a duplicate and changes nothing, also by another rule. Blocks while it looks the decisions up.
        """
        live = self._experiments.get(experiment)
        future = importing.submit(self._store, live, self._history, rewards, rule, self._clock)
        future.add_done_callback(lambda done: self._learner.wake())
        return future

    # Identities

    def merge_units(self, experiment: str, unit: str, into: str) -> bool:
        """Says that a unit is the customer `into`, who was seen first; returns True when that was known.

        From now on decisions asked for `unit` are made, and logged, for `into`, or for what that was merged into; what
        was decided before stays as it is. Final. Raises InvalidInput for a merge with itself or back, Conflict when the
        unit was merged into another customer.
        """
        result = self.submit_merges(experiment, [(unit, into)]).result()[0]
        if result.error is not None:
            raise result.error
        return result.duplicate

    def submit_merges(self, experiment: str, merges: Sequence[Merge]) -> Future[MergeResults]:
        """As `merge_units`, up to 10,000 (unit, into) in order: one that is refused does not touch the others."""
        if not 1 <= len(merges) <= MAX_MERGES:
            raise InvalidInput(f"a call has 1 to {MAX_MERGES} merges, found {len(merges)}: split it", field="merges")
        return self._experiments.merge(self._experiments.get(experiment), merges, self._clock())

    def _known(self, decision_id: str) -> bytes:
        return self._ids.verify(decision_id)

    def _spec_of(self, tx: Transaction) -> ledger.SpecOf:
        return lambda stream, version: self._history.spec(tx, stream, version)

    # Looking

    def catch_up(self) -> int:
        """Closes due windows, folds and counts everything that is durable; returns how many resolutions that were."""
        self._analyst.step()
        return self._learner.step()

    def learn(self, *, closing: bool = True) -> int:
        """As `catch_up`, without what only reports and alarms need, which `report` does by itself.

        closing: False leaves windows alone, for where no decision can be left without a reward.
        """
        return self._learner.fold(close=closing)

    def model(self, name: str) -> Policy:
        """A copy of the policy that serves now, to look into or to score with; changing it changes nothing here."""
        model = self._experiments.get(name).model
        assert model is not None
        return model.policy.copy()

    def explain(self, decision_id: str) -> Explanation:
        """Recomputes one decision from snapshot and log, with everything needed to defend it."""
        decision = self._known(decision_id)
        with self._store.read() as reader:
            return explain(reader, decision, decision_id, self._history)

    def report(self, name: str) -> Report:
        """What the experiment has shown so far.

        Counts first what is final by now, for a tenth of a second at most where a thread of its own does so too;
        `behind` says how many decisions it has not come to.
        """
        self._experiments.get(name)
        self._analyst.catch_up(name, seconds=REPORT_S if self._in_background else None)
        live = self._experiments.get(name)
        with self._store.read() as reader:
            return report(reader, live.describe(), self._clock(), self._facts(reader, name))

    def _facts(self, reader: Reader, name: str) -> Facts:
        imported = reader.import_counts(name).values()
        streams = {str(row.stream) for row in reader.versions(name)}
        lost = sum(counts.late + counts.unattributed for counts in imported)
        return Facts(
            imported=lost + sum(counts.attributed for counts in imported),
            unattributed=lost,
            merged=reader.merge_count(name),
            rewards=sum(map(self._received.of, streams)),
            late=sum(map(self._late.of, streams)),
            unlogged=self._unlogged.of(name),
        )

    def plan(self, name: str) -> Power | None:
        """What the experiment's holdout can show, from what its definition expects; None where it says too little."""
        return plan(self._experiments.get(name).spec)

    def health(self) -> Health:
        """How store and models fare now, for an operator. Reads the log, so not to be asked many times a second."""
        return health(self._store, self._experiments.all(), self._degraded, self._clock())


def _refuse_answered(answers: Future[Any]) -> None:
    """Keeps out of the log what was answered without it while it waited its turn."""
    if answers.done():
        raise NotAllowedNow("answered without the log")


def _in_order(refused: list[Placed], groups: Iterable[list[Placed]]) -> Outcomes:
    return [outcome for _, outcome in sorted(chain(refused, *groups), key=itemgetter(0))]
