"""Worlds of one's own: in a file, for Gymnasium, and those that are none, each found in one clear line."""

import math
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from banditcore.errors import InvalidInput
from banditcore.policies import Policy, get_policy
from banditcore.posteriors import LinearPosterior
from banditcore_simulations.gym import BanditEnv
from banditcore_simulations.play import play, visits
from banditcore_simulations.worlds import World, make_policy, make_world, world_parameters

# Worlds that are none. One pair of functions for all, since each pair is compiled for seconds.

FAULTS = (
    "none",
    "context",
    "infinite",
    "means",
    "forgotten",
    "above",
    "no arm",
    "unit",
    "best",
    "values",
    "outcome",
    "outcome above",
    "lie",
    "delay",
    "late shape",
)


def visit(world, event):
    event.context[:] = 1.0
    event.means[:] = 0.5
    event.means[2] = 0.7
    if event.step[0] < 7:
        return
    if world.fault == 1:
        event.context[1] = math.nan
    elif world.fault == 2:
        event.context[0] = math.inf
    elif world.fault == 3:
        event.means[1] = math.nan
    elif world.fault == 5:
        event.means[1] = 1.5
    elif world.fault == 6:
        event.eligible[:] = False
    elif world.fault == 7:
        event.unit[0] = 99
    elif world.fault == 8:
        event.best[0] = 0.6
    elif world.fault == 9:
        event.values[:] = 1.0
        event.values[1] = math.inf
    elif world.fault == 14:
        event.context[:] = world.five


def outcome(world, event, arm):
    event.outcomes[0] = 1.0 if event.luck[1] < event.means[arm] else 0.0
    if world.fault == 12:
        event.outcomes[0] = 1.0 if event.luck[1] < event.means[arm] + 0.3 else 0.0
    if event.step[0] < 7:
        return
    if world.fault == 10:
        event.outcomes[0] = math.nan
    elif world.fault == 11:
        event.outcomes[0] = 1.5
    elif world.fault == 13:
        event.delay[0] = 3.0


def mine(fault):
    constants = {"fault": FAULTS.index(fault), "five": np.ones(5)}
    units = 1_500 if fault != "unit" else 50
    return World("mine", 3, 2, visit, constants, outcome=outcome, units=units, unit_interval=True)


@pytest.mark.parametrize(
    "fault, said",
    [
        ("context", r"world mine, visit 7: context\[1\] is nan"),
        ("infinite", r"world mine, visit 7: context\[0\] is inf: it must be finite"),
        ("means", r"world mine, visit 7: means\[1\] is nan"),
        ("above", r"world mine, visit 7: means\[1\] is 1.5: it must lie in \[0, 1\]"),
        ("no arm", r"world mine, visit 7: no arm is eligible"),
        ("unit", r"world mine, visit 7: unit is 99: it must be one of the 50"),
        ("best", r"world mine, visit 7: the world lies: means\[2\] is 0.7, more than `best`, 0.6"),
        ("values", r"world mine, visit 7: values\[1\] is inf: they must be finite"),
        ("outcome", r"world mine, visit 7: outcomes\[0\] is nan"),
        ("outcome above", r"world mine, visit 7: outcomes\[0\] is 1.5: it must lie in \[0, 1\]"),
        ("delay", r"world mine, visit 7: delay is 3: .* without a window"),
        ("lie", r"world mine lies: policies earn 0\.\d+ a visit more than the means it states"),
        ("late shape", r"world mine fails: cannot assign slice"),
    ],
)
def test_a_world_that_is_none_is_found(fault, said):
    events = 49 if fault == "unit" else 1_500
    with pytest.raises(InvalidInput, match=said) as caught:
        play(mine(fault), get_policy("lin_ucb")(3, 2), events)
    assert "\n" not in str(caught.value)


def test_the_same_world_without_a_fault_is_played():
    assert play(mine("none"), get_policy("lin_ucb")(3, 2), 1_500).events == 1_500


def writes_nothing(world, event):
    event.context[:] = 1.0


def past_the_end(world, event):
    event.context[:] = 1.0
    event.means[3] = 0.5


def past_the_end_later(world, event):
    event.context[:] = 1.0
    event.means[:] = 0.5
    if event.step[0] == 7:
        event.means[3 + event.step[0]] = 0.5


def draws_by_itself(world, event):
    event.context[:] = np.random.normal()
    event.means[:] = 0.5


def other_shape(world, event):
    event.context[:] = world.five


def rebinds(world, event):
    event.context = np.ones(2)


def unknown_name(world, event):
    event.context[:] = world.six


def plain(x):
    return x


def calls_plain(world, event):
    event.context[:] = plain(1.0)
    event.means[:] = 0.5


def no_machine_code(world, event):
    event.context[:] = 1.0
    event.means[:] = 0.5
    known = {}
    known["a"] = [1, "x"]
    known = {**known}


def two_arguments(world, event):
    pass


@pytest.mark.parametrize(
    "wrong, said",
    [
        (writes_nothing, r"means\[0\] is nan, as if it were never written"),
        (past_the_end, r"world mine \(test_own_worlds.py, line \d+\): IndexError: index 3 is out of bounds"),
        (past_the_end_later, r"world mine fails: index is out of bounds"),
        (draws_by_itself, r"draws_by_itself draws numbers of its own, .*: take event.normals"),
        (other_shape, r"line \d+\): ValueError: could not broadcast input array from shape \(5,\) into shape \(2,\)"),
        (rebinds, r"AttributeError: .* write into the arrays of an event, as in event.means\[:\] = .."),
        (unknown_name, r"AttributeError: .* no attribute 'six'"),
        (calls_plain, r"Numba cannot compile it: plain is a plain function: put @numba.njit above its def"),
        (no_machine_code, r"Numba cannot compile it: \w+"),
    ],
)
def test_functions_that_cannot_be_run_are_found(wrong, said):
    world = World("mine", 3, 2, wrong, {"five": np.ones(5)})
    with pytest.raises(InvalidInput, match=said) as caught:
        play(world, get_policy("lin_ucb")(3, 2), 10)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given, said",
    [
        ({"outcome": "click"}, "one of clicks, normal"),
        ({"outcome": two_arguments}, "takes 2 positional arguments but 3 were given"),
        ({"goals": ()}, "needs a goal at least"),
        ({"goals": ("a", "a")}, "goals must be different names"),
        ({"constants": {"class": 1.0}}, "constant 'class' must be a name that Python allows"),
        ({"features": ("one",)}, "features must be 2 names, found 1"),
        ({"control": 3}, "control must be below 3"),
        ({"arm_features": np.ones((2, 2))}, r"arm_features has shape \(2, 2\), expected \(3, p\)"),
        ({"seconds": 0.0}, "seconds must lie in"),
        ({"window": -1.0}, "window must lie in"),
        ({"noise": math.nan}, "noise must lie in"),
        ({"n_arms": 0}, "n_arms must be an integer of at least 1"),
    ],
)
def test_fields_of_a_world_are_checked(given, said):
    fields = {"name": "mine", "n_arms": 3, "n_features": 2, "visit": visit, "constants": {"fault": 0}} | given
    with pytest.raises(InvalidInput, match=said):
        World(**fields).functions()


# Policies that are none


class NoLaw(Policy):
    """Plays what `vector` says, whatever is eligible."""

    def __init__(self, vector):
        super().__init__(LinearPosterior(4, 3), floor=0.0)
        self.vector = vector

    def _propensities_into(self, contexts, eligible, out, seeds):
        if self.vector is not None:
            out[:] = self.vector
        return 0.0


@pytest.mark.parametrize(
    "vector", [(0.2, 0.2, 0.2, 0.2), (1.2, -0.2, 0.0, 0.0), (math.nan,) * 4, None, (0.0, 0.0, 0.0, 1.0)]
)
def test_a_vector_that_is_no_law_is_refused(vector):
    """The last one is for an arm that has not joined yet."""
    with pytest.raises(InvalidInput, match="visit 0: the policy gave no vector of probabilities"):
        play(make_world("new_arm:arms=4,features=3,joins=50", 0), NoLaw(vector), 10)


# In a file

FILE = """
from banditcore_simulations.worlds import World

def make(rng, *, arms=3):
    return World("own", arms, 1, visit, {"p": rng.random(arms)}, outcome="clicks")

def visit(world, event):
    event.context[0] = 1.0
    event.means[:] = world.p

def other(rng, *, arms):
    return make(rng, arms=arms)

def number(rng):
    return 3

def fails(rng):
    return [][1]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(FILE, encoding="utf-8")
    return path


def rates_of(text):
    return make_world(text, 1).constants["p"].tolist()


def test_a_world_in_a_file_is_played_and_made_in_other_processes_too(file):
    text = f"{file}:arms=4"
    assert play(text, "beta_ts", 300, 1).total > 0.0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(rates_of, text).result(timeout=120) == rates_of(text)


def test_a_file_can_have_several_worlds_and_change(file):
    assert make_world(str(file), 0).n_arms == 3
    assert make_world(f"{file}:make:arms=5", 0).n_arms == make_world(f"{file}:other:arms=5", 0).n_arms == 5
    assert world_parameters(str(file)) == {"arms": 3}
    before = file.stat().st_mtime_ns
    file.write_text(FILE.replace("arms=3", "arms=7"), encoding="utf-8")
    assert file.stat().st_mtime_ns != before
    assert make_world(str(file), 0).n_arms == 7


@pytest.mark.parametrize(
    "rest, said",
    [
        (":other", r"needs arms: write .*own.py:other:arms=\.\."),
        (":number", "its function returns int, not a World"),
        (":fails", "cannot be made: IndexError: list index out of range"),
        (":nothing", r"has no function nothing: write `def nothing\(rng, \*, \.\.\) -> World:`"),
        (":arsm=3", "'arsm' is no parameter of world .*; did you mean arms"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(file, rest, said):
    with pytest.raises(InvalidInput, match=said):
        make_world(f"{file}{rest}", 0)


@pytest.mark.parametrize(
    "text, said",
    [
        ("x = 1\nfoo(\n", r"own.py, line 2: SyntaxError: '\(' was never closed"),
        ("x = 1\nfoo()\n", "own.py, line 2: NameError: name 'foo' is not defined"),
        ("x = 1\n", "has no function make"),
    ],
)
def test_a_file_that_cannot_be_run_is_named_with_the_line(tmp_path, text, said):
    (tmp_path / "own.py").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        make_world(str(tmp_path / "own.py"), 0)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"none\.py cannot be read: No such file"):
        make_world(str(tmp_path / "none.py"), 0)


# Gymnasium


@pytest.mark.parametrize("text", ["many_arms:arms=3,per_arm=true", "returning:units=30"])
def test_gymnasium_agents_meet_the_visits_and_the_luck_of_kernel_mode(text):
    world = make_world(text, 3)
    happened = next(visits(world, make_policy("uniform", world), 500, 3))
    env = BanditEnv(text, events=500)
    env.reset(seed=3)
    for i in range(500):
        _, reward, ended, over, info = env.step(happened.arms[i])
        assert reward == happened.outcomes[i, 0] and info["regret"] == happened.gaps[i]
        assert not ended and over == (i == 499)
    with pytest.raises(InvalidInput, match=r"call reset\(\)"):
        env.step(0)


def test_gymnasium_accepts_the_environment():
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(BanditEnv("many_arms:arms=3,per_arm=true", events=20), skip_render_check=True)


def test_an_arm_that_is_not_there_is_refused():
    env = BanditEnv(mine("none"), events=10)
    _, info = env.reset(seed=0)
    assert info["eligible"].tolist() == [1, 1, 1] and info["means"].tolist() == [0.5, 0.5, 0.7]
    with pytest.raises(InvalidInput, match=r"action must be an arm in 0\.\.2, found 3"):
        env.step(3)
    env._event.eligible[1] = False
    with pytest.raises(InvalidInput, match="arm 1 is not eligible"):
        env.step(1)


def test_without_gymnasium_the_remedy_is_named():
    code = (
        "import sys; sys.modules['gymnasium'] = None\n"
        "try:\n    import banditcore_simulations.gym\n"
        "except ValueError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout
    assert "pip install 'banditcore[gymnasium,offline]'" in said
