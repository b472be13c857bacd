"""Steppers where the shipped contract does not reach: many arms, many eligible sets, changed rules, interruptions."""

import numpy as np
import pytest

from banditcore.errors import InvalidInput
from banditcore.kernels.steppers import PolicyStepper
from banditcore.policies import LinearTS, LinUCB, get_policy, policy_names

K, D = 40, 5


def make(name, **params):
    kind = get_policy(name)
    return kind.make(K, D, 0.05, dict(kind.example_params(K, params)) | params)


@pytest.mark.parametrize("name", policy_names())
def test_no_shipped_policy_goes_through_python(name):
    assert type(make(name).stepper()) is not PolicyStepper


@pytest.mark.parametrize("name", policy_names())
def test_many_arms_and_eligible_sets(name):
    """More arms than are scored one by one, and more sets than are kept; few eligible ones among them."""
    g = np.random.default_rng(4)
    plain, stepped = make(name), make(name)
    stepper = stepped.stepper()
    sets = [np.ones(K, np.bool_), *(g.random((30, K)) < np.linspace(0.1, 0.9, 30)[:, None])]
    for i in range(120):
        context, mask, arm, reward = g.standard_normal((1, D)), sets[g.integers(31)], int(g.integers(K)), g.random()
        mask[arm] = True
        for _ in range(2):
            expected = plain.propensities(context, mask, seeds=[i])[0]
            assert stepper.step(context, mask, i).tobytes() == expected.tobytes()
        if i % 3:
            plain.update(context, [arm], [reward])
            stepper.teach(context, arm, reward)
    for key, array in plain.state().items():
        assert stepped.state()[key].tobytes() == array.tobytes(), key


def test_a_changed_rule_is_stepped_as_it_was_changed():
    class Timid(LinUCB):
        def _propensities_into(self, contexts, eligible, out, seeds):
            out[:] = 1.0 / self.n_arms
            return 0.0

    stepper = Timid(3, 2).stepper()
    assert type(stepper) is PolicyStepper
    assert (stepper.step([1.0, 2.0]) == 1.0 / 3.0).all()


def test_what_python_raises_on_the_way_comes_out():
    policy = LinearTS(3, 2, mature_after=2)

    def interrupted():
        raise KeyboardInterrupt

    stepper = policy.stepper()
    policy.posterior.lend = interrupted
    with pytest.raises(KeyboardInterrupt):
        stepper.step([1.0, 2.0])


def test_features_that_are_missing_are_asked_for():
    with pytest.raises(InvalidInput, match="arm_features"):
        get_policy("shared_linear_ts").make(3, 2, 0.02, {}).stepper().step([1.0, 2.0])


def test_rows_of_the_wrong_size_are_refused():
    stepper = LinUCB(3, 2).stepper()
    with pytest.raises(ValueError, match="expected 2 numbers"):
        stepper.step([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="expected 3 numbers"):
        stepper.step([1.0, 2.0], [True, False])
    with pytest.raises(ValueError, match=r"0\.\.2"):
        stepper.teach([1.0, 2.0], 3, 1.0)
