"""What every policy must do, whatever its rule. Needs no test framework; pytest collects the methods."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

from banditcore.errors import InvalidInput
from banditcore.policies import Policy
from banditcore.types import Floats


def refuses(call: Callable[[], object], field: str) -> None:
    """The call raises InvalidInput that names the field."""
    try:
        call()
    except InvalidInput as error:
        assert error.field == field, f"blamed {error.field!r} instead of {field!r}"
        return
    raise AssertionError(f"{field} was accepted")


class PolicyContract:
    """Subclass it, set `policy_class`, let pytest collect it: `class TestMine(PolicyContract): policy_class = Mine`.

    A constructor that needs more than n_arms and n_features gets it from `Policy.example_params`.
    """

    policy_class: type[Policy]
    params: ClassVar[dict[str, Any]] = {}
    """Arguments besides those, to run the contract on another shape of the same policy."""
    D = 4

    def make(self, n_arms: int = 3, **extra: Any) -> Policy:
        example = self.policy_class.example_params(n_arms, self.params)
        given = {"floor": 0.02} | example | self.params | extra
        return self.policy_class.make(n_arms, self.D, given.pop("floor"), given)

    def rows(self, n: int, n_arms: int = 3, seed: int = 1) -> tuple[Floats, Any, Floats]:
        g = np.random.default_rng(seed)
        rewards = (g.integers(0, 5, n) / 4.0).astype(np.float64)
        return g.standard_normal((n, self.D)), g.integers(0, n_arms, n), rewards

    def taught(self, n_arms: int = 3, **extra: Any) -> Policy:
        policy = self.make(n_arms, **extra)
        policy.update(*self.rows(60, n_arms))
        return policy

    def same(self, one: Policy, other: Policy) -> None:
        """Equal bytes in every array of the state."""
        mine, theirs = one.state(), other.state()
        assert mine.keys() == theirs.keys()
        for key, array in mine.items():
            assert array.dtype == theirs[key].dtype and array.tobytes() == theirs[key].tobytes(), key

    def test_rows_are_distributions(self) -> None:
        for n_arms in (1, 2, 3, 17):
            for policy in (self.make(n_arms), self.taught(n_arms)):
                p = policy.propensities(self.rows(20)[0])
                assert p.shape == (20, n_arms) and p.dtype == np.float64
                assert (p >= 0.0).all() and np.abs(p.sum(axis=1) - 1.0).max() <= 1e-12

    def test_single_arm_is_certain(self) -> None:
        assert (np.abs(self.taught(1).propensities(self.rows(5)[0]) - 1.0) <= 1e-12).all()

    def test_ineligible_arms_are_exactly_zero(self) -> None:
        contexts = self.rows(40)[0]
        mask = np.random.default_rng(3).random((40, 5)) < 0.5
        mask[:, 4] |= ~mask.any(axis=1)
        policy = self.taught(5)
        p = policy.propensities(contexts, mask)
        assert (p[~mask] == 0.0).all() and np.abs(p.sum(axis=1) - 1.0).max() <= 1e-12
        one = policy.propensities(contexts, mask[0])
        assert (one == policy.propensities(contexts, np.tile(mask[0], (40, 1)))).all()

    def test_floor_holds_on_eligible_arms(self) -> None:
        mask = np.array([True, False, True, True])
        p = self.taught(4, floor=0.2).propensities(self.rows(10)[0], mask)
        assert (p[:, mask] >= 0.2 / 3 - 1e-15).all()
        assert (np.abs(self.taught(4, floor=1.0).propensities(self.rows(10)[0]) - 0.25) <= 1e-15).all()

    def test_output_depends_on_state_and_context_only(self) -> None:
        contexts = self.rows(9)[0]
        policy = self.taught()
        first = policy.propensities(contexts)
        assert (policy.propensities(contexts) == first).all()
        assert (np.vstack([policy.propensities(contexts[i : i + 1]) for i in range(9)]) == first).all()

    def test_any_real_layout_is_read(self) -> None:
        contexts = np.round(self.rows(6)[0] * 4.0)
        policy = self.taught()
        expected = policy.propensities(contexts)
        frozen = contexts.copy()
        frozen.flags.writeable = False
        layouts = (np.asfortranarray(contexts), np.repeat(contexts, 2, axis=1)[:, ::2], frozen, contexts.tolist())
        for other in (*layouts, contexts.astype(np.int8), contexts.astype(np.float32)):
            assert (policy.propensities(other) == expected).all()

    def test_contexts_of_each_arm(self) -> None:
        contexts, arms, rewards = self.rows(30)
        shared, own = self.make(), self.make()
        repeated = np.repeat(contexts[:, None, :], 3, axis=1)
        shared.update(contexts, arms, rewards)
        own.update(repeated, arms, rewards)
        self.same(shared, own)
        seeds = np.arange(30)
        assert (shared.propensities(contexts, seeds=seeds) == own.propensities(repeated, seeds=seeds)).all()
        assert (shared.scores(contexts) == own.scores(repeated)).all()

    def test_scores_have_the_shape_of_the_vector(self) -> None:
        scores = self.taught().scores(self.rows(7)[0])
        assert scores.shape == (7, 3) and np.isfinite(scores).all()

    def test_no_rows_are_no_trouble(self) -> None:
        policy = self.taught()
        before = policy.copy()
        assert policy.propensities(np.empty((0, self.D))).shape == (0, 3)
        policy.update(np.empty((0, self.D)), np.empty(0, dtype=np.int64), np.empty(0))
        self.same(policy, before)

    def test_row_by_row_equals_batch(self) -> None:
        contexts, arms, rewards = self.rows(200)
        batch, single = self.make(), self.make()
        batch.update(contexts, arms, rewards)
        for i in range(200):
            single.update(contexts[i : i + 1], arms[i : i + 1], rewards[i : i + 1])
        self.same(batch, single)

    def test_state_round_trips(self) -> None:
        policy = self.taught(floor=0.125)
        twin = self.policy_class.from_state(policy.state())
        self.same(policy, twin)
        more = self.rows(50, seed=2)
        policy.update(*more)
        twin.update(*more)
        self.same(policy, twin)
        assert (policy.propensities(more[0]) == twin.propensities(more[0])).all()

    def test_copy_and_state_share_no_memory(self) -> None:
        policy = self.taught()
        state, twin = policy.state(), policy.copy()
        policy.update(*self.rows(50, seed=2))
        self.same(twin, self.policy_class.from_state(state))

    def test_resume_leaves_new_arms_at_the_prior(self) -> None:
        old, grown, prior = self.taught(3), self.make(5), self.make(5)
        grown.resume(old.state())
        contexts = self.rows(8)[0]
        if not old.posterior.shares:
            assert (grown.scores(contexts)[:, 3:] == prior.scores(contexts)[:, 3:]).all()
        only_old = np.array([True] * 3 + [False] * 2)
        if old._learned():
            assert (grown.propensities(contexts, only_old)[:, :3] == old.propensities(contexts)).all()

    def test_resume_keeps_the_own_floor(self) -> None:
        policy = self.make(floor=0.5)
        policy.resume(self.taught(floor=0.1).state())
        assert policy.floor == 0.5

    def test_foreign_states_are_refused(self) -> None:
        state, policy = self.taught().state(), self.taught()
        broken = [state | {"policy": np.array("nobody")}, state | {"format": np.array(999)}]
        broken += [{key: array for key, array in state.items() if key != "n_arms"}]
        broken += [state | {"n_arms": np.array(bad)} for bad in (3.7, "x", [3])] + [state | {"floor": 0.02}]  # type: ignore[list-item]
        broken += [state | {key: array[None]} for key, array in policy._learned().items()]
        broken += [state | {key: array[:-1]} for key, array in policy._learned().items() if array.ndim]
        for bad in broken:
            refuses(lambda bad=bad: self.policy_class.from_state(bad), "state")  # type: ignore[misc]
            refuses(lambda bad=bad: policy.resume(bad), "state")  # type: ignore[misc]
        refuses(lambda: policy.resume(self.taught(4).state()), "state")
        self.same(policy, self.taught())

    def test_bad_input_names_the_field_and_changes_nothing(self) -> None:
        x, a, r = self.rows(5)
        policy = self.taught()
        for bad in (x[0], x[:, 1:], np.full_like(x, np.nan), np.full_like(x, np.inf), x * 1j, "text", x[:, None]):
            refuses(lambda bad=bad: policy.update(bad, a, r), "contexts")  # type: ignore[misc]
            refuses(lambda bad=bad: policy.propensities(bad), "contexts")  # type: ignore[misc]
        for bad in (a[:4], a - 5, a + 3, a * 1.0, a[:, None]):
            refuses(lambda bad=bad: policy.update(x, bad, r), "arms")  # type: ignore[misc]
        for bad in (r[:4], np.append(r[:4], np.nan), np.append(r[:4], 1e200), r[:, None]):
            refuses(lambda bad=bad: policy.update(x, a, bad), "rewards")  # type: ignore[misc]
        if policy.reward_kind == "unit_interval":
            refuses(lambda: policy.update(x, a, r + 1.0), "rewards")
        for bad in (np.zeros(5), np.full(5, 1.5), np.ones(4)):
            refuses(lambda bad=bad: policy.update(x, a, r, bad), "propensities")  # type: ignore[misc]
        self.same(policy, self.taught())

    def test_any_number_that_is_accepted_leaves_a_law(self) -> None:
        for seed in range(40):
            g = np.random.default_rng(seed)
            policy = self.make()
            x = 10.0 ** g.uniform(-30, 30, (20, self.D)) * g.choice([-1, 0, 1], (20, self.D))
            arms, rewards = g.integers(0, 3, 20), g.choice([-1, 0, 1], 20) * 10.0 ** g.uniform(-30, 30, 20)
            policy.update(x, arms, np.abs(np.sign(rewards)) if policy.reward_kind == "unit_interval" else rewards)
            for queries in (x, self.rows(5)[0]):
                p = policy.propensities(queries)
                assert np.abs(p.sum(axis=1) - 1.0).max() <= 1e-9 and np.isfinite(policy.scores(queries)).all()
            self.policy_class.from_state(policy.state())

    def test_bad_eligible_sets_are_refused(self) -> None:
        x = self.rows(5)[0]
        policy = self.taught()
        for bad in (np.zeros(3, dtype=bool), np.ones(4, dtype=bool), np.ones((4, 3), dtype=bool), np.ones(3)):
            refuses(lambda bad=bad: policy.propensities(x, bad), "eligible")  # type: ignore[misc]

    def test_bad_sizes_are_refused(self) -> None:
        for floor in (-0.1, 1.1, float("nan"), "x"):
            refuses(lambda floor=floor: self.make(floor=floor), "floor")  # type: ignore[misc]
        refuses(lambda: self.make(0), "n_arms")

    def test_certificates_are_stated(self) -> None:
        for policy in (self.make(), self.taught()):
            stated = policy.certificate(self.rows(7)[0])
            assert stated.shape == (7,) and (stated >= 0.0).all()
            assert (stated <= (0.5 if policy.monte_carlo else 1e-9)).all()

    def test_threads_change_nothing(self) -> None:
        contexts, policy = self.rows(50)[0], self.taught()
        mask = np.random.default_rng(3).random((50, 3)) < 0.7
        mask[:, 1] = True
        for eligible in (None, mask[0], mask):
            alone = policy.propensities(contexts, eligible)
            assert (policy.propensities(contexts, eligible, threads=3) == alone).all()
        refuses(lambda: policy.propensities(contexts, threads=0), "threads")

    def test_seeds_matter_where_they_say_so(self) -> None:
        contexts, policy = self.rows(30)[0], self.taught()
        one = policy.propensities(contexts, seeds=np.arange(30))
        assert (policy.propensities(contexts, seeds=np.arange(30)) == one).all()
        assert (policy.propensities(contexts, seeds=np.arange(30, 60)) == one).all() != policy.monte_carlo
        for bad in (np.arange(29), np.arange(30) - 5, np.arange(30) * 1.0):
            refuses(lambda bad=bad: policy.propensities(contexts, seeds=bad), "seeds")  # type: ignore[misc]

    def test_a_warm_start_is_an_update(self) -> None:
        contexts, arms, rewards = self.rows(300)
        slow, fast = self.taught(), self.taught()
        slow.update(contexts, arms, rewards)
        fast.warm_start(contexts, arms, rewards)
        assert np.abs(slow.scores(contexts) - fast.scores(contexts)).max() <= 1e-9

    def test_halves_merge_into_the_whole(self) -> None:
        contexts, arms, rewards = self.rows(300)
        whole, one, other = self.make(), self.make(), self.make()
        if whole.parameters().get("l2") == "auto":
            return  # the whole is tuned at another time than its halves
        whole.update(contexts, arms, rewards)
        one.update(contexts[:100], arms[:100], rewards[:100])
        other.update(contexts[100:], arms[100:], rewards[100:])
        one.merge(other.state())
        # A filter that takes rows one by one depends on their order a little.
        bar = 0.15 if whole.posterior.name == "logistic" else 1e-9
        assert np.abs(one.scores(contexts) - whole.scores(contexts)).max() <= bar
        refuses(lambda: one.merge(self.make(4).state()), "state")

    def test_half_lives_follow_the_times_of_the_rows(self) -> None:
        if "half_life" not in self.make().parameters():
            return  # nothing fades, by design
        contexts, arms, rewards = self.rows(120)
        times = np.linspace(0.0, 60.0, 120)
        batch, single, never = (self.make(half_life=10.0), self.make(half_life=10.0), self.make())
        batch.update(contexts, arms, rewards, times=times)
        for i in range(120):
            single.update(contexts[i : i + 1], arms[i : i + 1], rewards[i : i + 1], times=times[i : i + 1])
        self.same(batch, single)
        never.update(contexts, arms, rewards, times=times)
        assert not (never.scores(contexts) == batch.scores(contexts)).all()
        refuses(lambda: batch.update(contexts, arms, rewards), "times")
        refuses(lambda: batch.update(contexts, arms, rewards, times=times[:5]), "times")
        self.same(batch, single)
        batch.update(contexts[:1], arms[:1], rewards[:1], times=[1e6])  # everything else is forgotten by then
        fresh = self.make(half_life=10.0)
        fresh.update(contexts[:1], arms[:1], rewards[:1], times=[1e6])
        assert np.abs(batch.scores(contexts) - fresh.scores(contexts)).max() <= 1e-9

    def test_merging_brings_both_to_the_same_time(self) -> None:
        if "half_life" not in self.make().parameters() or self.make().parameters().get("l2") == "auto":
            return  # nothing fades, by design; or the whole is tuned at another time than its halves
        contexts, arms, rewards = self.rows(300)
        times = np.linspace(0.0, 60.0, 300)
        whole, one, other = (self.make(half_life=20.0) for _ in range(3))
        whole.update(contexts, arms, rewards, times=times)
        for part, rows in ((one, slice(200)), (other, slice(200, 300))):
            part.update(contexts[rows], arms[rows], rewards[rows], times=times[rows])
        one.merge(other.state())
        bar = 0.2 if whole.posterior.name == "logistic" else 1e-9
        assert np.abs(one.scores(contexts) - whole.scores(contexts)).max() <= bar

    def test_what_is_served_on_the_way_leaves_no_trace(self) -> None:
        fading: dict[str, Any] = {"half_life": 10.0} if "half_life" in self.make().parameters() else {}
        contexts, arms, rewards = self.rows(120)
        arms[arms == 2] = 0  # one arm is never seen
        times = np.linspace(0.0, 60.0, 120)
        quiet, asked = self.make(**fading), self.make(**fading)
        for i in range(0, 120, 10):
            part = slice(i, i + 10)
            for policy in (quiet, asked):
                policy.update(contexts[part], arms[part], rewards[part], times=times[part])
            asked.propensities(contexts[:3])
            asked.copy().state()
        self.same(quiet, asked)

    def lockstep(self, mask_some: bool, per_arm: bool, **extra: Any) -> None:
        """A stepper and its policy's twin, asked and taught the same row by row, across tunings and eligible sets."""
        n_arms, g = 5, np.random.default_rng(9)
        contexts, arms, rewards = self.rows(290, n_arms)
        if per_arm:
            contexts = g.standard_normal((290, n_arms, self.D))
        arms[arms == 4] = 0  # one arm is never seen
        masks = (g.random((290, n_arms)) < 0.6) | (np.arange(n_arms) == 2)
        times = np.linspace(0.0, 60.0, 290)
        plain, stepped = self.make(n_arms, **extra), self.make(n_arms, **extra)
        stepper = stepped.stepper(per_arm=per_arm)
        for i in range(290):
            row, mask = slice(i, i + 1), masks[i // 2] if mask_some and i % 3 else None
            expected = plain.propensities(contexts[row], mask, seeds=[i])[0]
            assert stepper.step(contexts[i], mask, i).tobytes() == expected.tobytes(), i
            plain.update(contexts[row], arms[row], rewards[row], times=times[row])
            stepper.teach(contexts[i], int(arms[i]), float(rewards[i]), float(times[i]))
            if i % 97 == 0:
                self.same(plain, stepped)
        self.same(plain, stepped)
        expected = plain.propensities(contexts, masks, seeds=np.arange(290))
        assert stepped.propensities(contexts, masks, seeds=np.arange(290)).tobytes() == expected.tobytes()

    def test_steppers_are_the_policy_to_the_byte(self) -> None:
        self.lockstep(mask_some=False, per_arm=False)
        self.lockstep(mask_some=True, per_arm=False)
        self.lockstep(mask_some=True, per_arm=True)
        if "half_life" in self.make().parameters():
            self.lockstep(mask_some=True, per_arm=False, half_life=10.0)

    def test_steppers_refuse_what_the_policy_refuses(self) -> None:
        policy = self.taught()
        stepper, context = policy.stepper(), self.rows(1)[0][0]
        for bad in (np.nan, np.inf, 1e200, *([1.5, -0.5] if policy.reward_kind == "unit_interval" else [])):
            refuses(lambda bad=bad: stepper.teach(context, 1, bad), "rewards")  # type: ignore[misc]
        self.same(policy, self.taught())

    def test_copies_of_any_kind_go_on_alike(self) -> None:
        policy = self.taught()
        for twin in (deepcopy(policy), self.policy_class.from_state(policy.state())):
            self.same(policy, twin)

    def test_learns_which_arm_pays(self) -> None:
        policy = self.make(3, floor=0.0)
        if not policy._learned():
            return  # nothing is learned, by design
        g = np.random.default_rng(5)
        arms = g.integers(0, 3, 600)
        policy.update(np.ones((600, self.D)), arms, (arms == 1).astype(np.float64))
        assert policy.propensities(np.ones((1, self.D)))[0, 1] > 0.9

    def test_learns_a_separable_context(self) -> None:
        policy = self.make(self.D, floor=0.0)
        if not (policy._learned() and policy.needs_context) or self.params.get("n_shared"):
            return  # cannot tell the arms apart by all of the context, by design
        g = np.random.default_rng(6)
        cell, arms = g.integers(0, self.D, 1200), g.integers(0, self.D, 1200)
        policy.update(np.eye(self.D)[cell], arms, (arms == cell).astype(np.float64))
        assert (np.diag(policy.propensities(np.eye(self.D))) > 0.9).all()
