"""The fold: (state, resolutions in log order) -> state, and the thread that keeps serving models up to date.

The fold reads no clock and no random source and adds row by row in log order, so the same log gives the same
bytes, whether it is read in one go, in many small steps, or from a snapshot on.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from banditcore.errors import BanditcoreError, StoreCorrupt, StoreUnavailable
from banditcore.experiments import Live, Model, State, prior, resumed
from banditcore.ledger import close_windows, closing_bound
from banditcore.policies.base import Policy
from banditcore.storage.base import Folding, Lessons, Reader, SnapshotRow, Store

PAGE = 10_000
CLOSE_EVERY_S = 0.5
POLL_EVERY_S = 0.1
"""How often a shared store is asked for what other processes have logged, learned and declared."""
SHARE_EVERY_S = 1.0
"""How often what was learned is saved for them. Each folds the log by itself when nobody else is at it, so this does
not make their models late; saving at every turn would write megabytes a second where models are large."""
QUIET_S = 1.0
_ANY_VERSION = 2**31 - 1
MILESTONE_EVERY = 100_000
"""One snapshot per so many positions is kept for good: it bounds what an explanation has to fold."""


def digest(state: State) -> bytes:
    """BLAKE2b over names, types, shapes and bytes: equal exactly when two states are."""
    hashed = blake2b(digest_size=32)
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        hashed.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        hashed.update(array.tobytes())
    return hashed.digest()


def pack(state: State) -> bytes:
    """State as npz: arrays only, readable by any NumPy, with a CRC each."""
    buffer = io.BytesIO()
    # Without allow_pickle=False, which NumPy before 2.1 would store as one more array; `unpack` refuses pickles.
    np.savez(buffer, **state)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(row: SnapshotRow) -> State:
    """Reads a snapshot back. Raises StoreCorrupt when it is not what was saved."""
    return unpacked(row.state, row.digest, f"the snapshot of stream {row.stream} at {row.position}")


def unpacked(packed: bytes, expected: bytes, what: str) -> State:
    """What was packed, if its digest is as expected; raises StoreCorrupt otherwise."""
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            state: State = {name: arrays[name] for name in arrays.files}
    except Exception:
        state = {}
    if digest(state) != expected:
        raise StoreCorrupt(f"{what} is damaged")
    return state


class Behind(Exception):
    """The log goes on where this process cannot follow: it has to take over what another one did first.

    It is about variants of a definition that is not known here yet, or what comes next was learned and deleted.
    """


class Fold:
    """The learning state of one stream."""

    def __init__(self, policy: Policy, position: int = 0) -> None:
        self.policy = policy
        self.position = position

    @classmethod
    def start(cls, reader: Reader, live: Live, *, up_to: int) -> Fold:
        """From the latest sound snapshot not past `up_to`, else from the prior: the log is the truth.

        Raises StoreCorrupt where it takes a snapshot because what came before was deleted, and none is sound.
        """
        # A later definition may know arms that this one does not.
        while (row := reader.snapshot(live.stream, up_to, live.version)) is not None:
            try:
                return cls(resumed(live, unpack(row)), row.position)
            except BanditcoreError:
                up_to = row.position - 1
        if base := reader.trimmed(live.stream).base:
            raise StoreCorrupt(
                f"the snapshot at {base} that the log of stream {live.stream} begins with is damaged: restore a backup"
            )
        return cls(prior(live))

    def read(self, reader: Reader, stream: int, *, up_to: int | None = None) -> int:
        """Folds the next page; returns how many resolutions it held."""
        lessons = reader.lessons(stream, self.position, PAGE, up_to)
        if lessons.positions:
            if self.position < reader.trimmed(stream).base:
                raise Behind
            self.learn(lessons)
        return len(lessons.positions)

    def read_all(self, reader: Reader, stream: int) -> int:
        """Folds all there is; returns how many resolutions that were."""
        folded = 0
        while (count := self.read(reader, stream)) == PAGE:
            folded += count
        return folded + count

    def learn(self, lessons: Lessons) -> None:
        count = len(lessons.positions)
        contexts = np.frombuffer(b"".join(lessons.contexts), dtype="<f8").reshape(count, -1)
        arms, times = np.array(lessons.arms, dtype=np.int64), np.array(lessons.times, dtype=np.float64)
        if arms.max() >= self.policy.n_arms:
            raise Behind
        self.policy.update(contexts, arms, np.array(lessons.values), times=times / 1e6)
        self.position = lessons.positions[-1]

    def snapshot(self, live: Live) -> SnapshotRow:
        state = self.policy.state()
        return SnapshotRow(live.stream, self.position, live.version, pack(state), digest(state))


class Learner:
    """Folds every live stream, closes windows and saves snapshots, on a thread of its own or step by step."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        lives: Callable[[], list[Live]],
        publish: Callable[[Live, Model], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        refresh: Callable[[], None] = lambda: None,
        tidy: Callable[[Live], bool] = lambda live: False,
        pause_s: float = 0.02,
        save_after_s: float = 5.0,
        report_error: Callable[[str, Exception], None] = lambda experiment, error: None,
    ) -> None:
        """`refresh` brings `lives` up to date with what other processes of a shared store declared.

        `tidy` does a bounded piece of work on what nobody waits for; returns whether more is left.
        """
        self.lock = threading.RLock()
        """Held while folding; whoever changes an experiment's definition takes it first."""
        self.unsure = False
        """Whether definitions may have changed that were not published; the next turn looks."""
        self._store, self._clock, self._lives, self._publish = store, clock, lives, publish
        self._monotonic = monotonic
        self._refresh, self._tidy, self._report_error = refresh, tidy, report_error
        self._pause_s = pause_s
        # Others take over what was saved, in case they cannot fold by themselves.
        self._save_after_s = min(save_after_s, SHARE_EVERY_S) if store.shared else save_after_s
        self._folds: dict[int, Fold] = {}
        self._saved: dict[int, tuple[int, float]] = {}
        """stream -> (position of the last snapshot, monotonic time before which there is no next)."""
        self._wake = threading.Event()
        self._next_close = 0.0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def adopt(self, live: Live) -> Model:
        """Model for a definition that is new in its stream, or at start: snapshot and tail, or the fold in hand."""
        with self.lock:
            fold = self._folds.get(live.stream)
            if fold is not None:
                fold.policy = resumed(live, fold.policy.state())
            else:
                fold = self._start(live)
            return Model(fold.policy.copy(), fold.position)

    def _start(self, live: Live) -> Fold:
        with self._store.read() as reader:
            fold = Fold.start(reader, live, up_to=reader.stream_position(live.stream))
            self._saved[live.stream] = (fold.position, self._monotonic() + self._save_after_s)
            fold.read_all(reader, live.stream)
        self._folds[live.stream] = fold
        return fold

    def step(self) -> int:
        """Closes windows, folds what is new in every stream, publishes it, and tidies; returns how many were folded."""
        with self.lock:
            folded = self.fold(close=True)
            for live in self._lives():
                while self._tidy(live):
                    pass
            return folded

    def fold(self, *, close: bool) -> int:
        """Folds what is new in every stream and publishes it, closing windows before or not; returns how many."""
        with self.lock:
            self._look()
            return sum(self._advance(live, close=close) for live in self._lives())

    def _advance(self, live: Live, *, close: bool, save: bool = False) -> int:
        if close:
            self._close_windows(live)
        if live.stream not in self._folds:
            # It could not be read at start; once it can be, it serves from its model again.
            self._publish(live, self.adopt(live))
        folded = self._fold(live, save=save) if self._to_do(live, save=save) else 0
        fold = self._folds[live.stream]
        if live.model is None or fold.position > live.model.position:
            self._publish(live, Model(fold.policy.copy(), fold.position))
        return folded

    def _to_do(self, live: Live, *, save: bool) -> bool:
        """Whether there is something to fold, to save, or to take over from somebody else."""
        if not self._store.shared:
            return True  # looking is as cheap
        fold = self._folds[live.stream]
        saved, due = self._saved[live.stream]
        if fold.position > saved and (save or self._monotonic() >= due):
            return True
        with self._store.read() as reader:
            if fold.position < reader.trimmed(live.stream).base:
                return True
            return bool(reader.lessons(live.stream, fold.position, 1).positions)

    def _fold(self, live: Live, *, save: bool) -> int:
        with self._store.fold(live.stream) as folding:
            if folding is None:
                # Somebody else folds for all: what is learned here meanwhile comes to the same, and is not saved.
                with self._store.read() as reader:
                    return self._read_on(reader, live)
            folded = self._read_on(folding, live)
            self._save(folding, live, now=save)
        return folded

    def _read_on(self, reader: Reader, live: Live) -> int:
        self._take_over(reader, live)
        return self._folds[live.stream].read_all(reader, live.stream)

    def _take_over(self, reader: Reader, live: Live) -> None:
        """The snapshot of another process, if it has come further."""
        if not self._store.shared:
            return
        learned = next(row.learned for row in reader.streams() if row.stream == live.stream)
        if learned <= self._folds[live.stream].position:
            return
        row = reader.snapshot(live.stream, learned, _ANY_VERSION)
        if row is None:
            return
        if row.version > live.version:
            raise Behind
        try:
            self._folds[live.stream] = Fold(resumed(live, unpack(row)), row.position)
        except BanditcoreError as error:
            # A damaged snapshot costs time, not truth: the log folds to the same.
            self._report_error(live.spec.name, error)
            return
        self._saved[live.stream] = (row.position, 0.0)

    def _close_windows(self, live: Live) -> None:
        now_us = self._clock()
        with self._store.read() as reader:
            due = reader.windows_due(live.stream, closing_bound(live.spec.learned_goal, now_us))
        while due:
            due = self._store.write(
                lambda tx: close_windows(tx, live.stream, live.spec, now_us), [live.stream]
            ).result()

    def _save(self, folding: Folding, live: Live, *, now: bool) -> None:
        fold = self._folds[live.stream]
        position, due = self._saved[live.stream]
        started = self._monotonic()
        if fold.position == position or not (now or started >= due):
            return
        folding.put_snapshot(fold.snapshot(live), milestone_every=MILESTONE_EVERY)
        ended = self._monotonic()
        # Large states are saved less often: a twentieth of the time goes into saving at most.
        self._saved[live.stream] = (fold.position, ended + max(self._save_after_s, 20 * (ended - started)))

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._work, name="banditcore-learner", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Says that there may be something to fold."""
        self._wake.set()

    def _work(self) -> None:
        while not self._stopping:
            self._wake.wait(timeout=POLL_EVERY_S if self._store.shared else CLOSE_EVERY_S)
            self._wake.clear()
            started = time.thread_time()
            failed = self._turn()
            # Folding in small batches is enough: the pause leaves the interpreter to the requests, and copying a
            # large model over and over leaves them most of the time too. Waiting for a database takes nothing from
            # them, so it does not count. What failed is not tried in haste.
            pause = CLOSE_EVERY_S if failed else max(self._pause_s, 4 * (time.thread_time() - started))
            time.sleep(min(pause, CLOSE_EVERY_S))

    def _turn(self) -> bool:
        """One step, in which experiments fail by themselves; returns whether any did."""
        close = self._monotonic() >= self._next_close
        if close:
            self._next_close = self._monotonic() + CLOSE_EVERY_S
        with self.lock:
            failed = self._refreshed()
            for live in self._lives():
                started = self._monotonic()
                try:
                    self._advance(live, close=close)
                    if self._tidy(live):
                        self.wake()
                except Behind:
                    failed = True
                except Exception as error:
                    # The store is away, or a policy failed: decisions go on from the last model, the other
                    # experiments go on learning, and the next turn tries again.
                    self._report_error(live.spec.name, error)
                    failed = True
                    if self._is_quiet(error, started):
                        break
        return failed

    def _is_quiet(self, error: Exception, started: float) -> bool:
        """Whether the store took long to say that it is away: it would take as long for each experiment."""
        return isinstance(error, StoreUnavailable) and self._monotonic() > started + QUIET_S

    def _look(self) -> None:
        """Takes over definitions that others have declared, or a commit of unknown outcome."""
        if self._store.shared or self.unsure:
            self._refresh()
            self.unsure = False

    def _refreshed(self) -> bool:
        """The same; returns whether that failed."""
        try:
            self._look()
        except Exception as error:
            self._report_error("", error)
            return True
        return False

    def close(self) -> None:
        """Stops the thread, folds what is left and saves it."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        with self.lock:
            for live in self._lives():
                started = self._monotonic()
                try:
                    self._advance(live, close=True, save=True)
                except Exception as error:
                    # Whatever is not saved is folded again at the next start.
                    self._report_error(live.spec.name, error)
                    if self._is_quiet(error, started):
                        break
