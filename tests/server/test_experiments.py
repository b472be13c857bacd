"""ExperimentService through the real server: definitions in, refusals that name the field, pages out."""

from __future__ import annotations

import tomllib
from pathlib import Path

import grpc
import pytest

from banditcore.client.definition import from_message, to_message
from banditcore.config import parse_experiment
from banditcore.v1 import experiment_pb2, experiment_service_pb2, report_pb2

pb = experiment_service_pb2
INVALID = grpc.StatusCode.INVALID_ARGUMENT
SHOP = tomllib.loads(Path(__file__).with_name("shop.toml").read_text())["experiments"]["shop"]


def definition(name: str) -> experiment_pb2.ExperimentDefinition:
    return to_message(parse_experiment(name, SHOP))


def apply(wire, found: experiment_pb2.ExperimentDefinition) -> experiment_pb2.Experiment:
    return wire.experiments.Apply(pb.ApplyRequest(definition=found)).experiment


def refuse(wire, found: experiment_pb2.ExperimentDefinition, field: str) -> str:
    request = pb.ApplyRequest(definition=found)
    return wire.refused(wire.experiments.Apply, request, INVALID, "INVALID_INPUT", field).message


def test_a_definition_survives_the_wire(wire):
    sent = definition("round-trip")
    answer = apply(wire, sent)
    assert answer.definition == sent
    assert (answer.version, answer.status) == (1, experiment_pb2.EXPERIMENT_STATUS_RUNNING)
    assert [arm.variant for arm in answer.arms] == ["plain", "bold", "wild"]
    assert answer.feature_count == len(answer.feature_names) == 9
    assert from_message(answer.definition) == parse_experiment("round-trip", SHOP)


def test_applying_twice_changes_nothing(wire):
    apply(wire, definition("idempotent"))
    before = wire.counts()
    assert apply(wire, definition("idempotent")).version == 1
    assert wire.counts() == before


def test_what_is_left_out_takes_its_default(wire):
    sparse = definition("sparse")
    for name in ("exposure", "salt", "target_lift"):
        sparse.ClearField(name)
    sparse.policy.ClearField("floor")
    sparse.context[1].numeric.ClearField("center")
    sparse.goals[1].ClearField("window")
    full = apply(wire, sparse).definition
    assert (full.learn, full.salt, full.exposure) == ("click", "sparse", experiment_pb2.EXPOSURE_IMPLIED)
    assert (full.policy.floor, full.target_lift, full.context[1].numeric.center) == (0.02, 0.1, 0.0)
    assert full.goals[1].window.ToTimedelta().days == 1


def test_no_control(wire):
    found = definition("refused")
    found.ClearField("control")
    assert "required" in refuse(wire, found, "definition.control")


def test_a_control_that_is_no_variant(wire):
    found = definition("refused")
    found.control = "loud"
    assert "loud" in refuse(wire, found, "definition")


@pytest.mark.parametrize("holdout", [0.0, 1.0, 1.2, -0.1, float("nan")])
def test_a_holdout_outside_of_0_and_1(wire, holdout):
    found = definition("refused")
    found.holdout = holdout
    refuse(wire, found, "definition.holdout")


def test_a_duplicate_variant(wire):
    found = definition("refused")
    found.variants[2].key = "bold"
    assert "bold" in refuse(wire, found, "definition.variants")


def test_an_unknown_parameter_and_an_unknown_policy(wire):
    found = definition("refused")
    found.policy.params["alhpa"].number = 1
    refuse(wire, found, "definition.policy.alhpa")
    found = definition("refused")
    found.policy.name = "oracle"
    refuse(wire, found, "definition.policy.name")


def test_a_window_and_a_scale_out_of_range(wire):
    found = definition("refused")
    found.goals[0].window.seconds = 0
    refuse(wire, found, "definition.goals[0].window")
    found = definition("refused")
    found.context[1].numeric.scale = 0
    refuse(wire, found, "definition.context[1].scale")


def rated(name: str) -> experiment_pb2.ExperimentDefinition:
    """The shop with a ratio, a guardrail, audiences and what is expected."""
    found = definition(name)
    found.goals[1].cap, found.goals[1].role = 500.0, experiment_pb2.GOAL_ROLE_GUARDRAIL
    found.goals.add(name="yield", kind=experiment_pb2.GOAL_KIND_RATIO, numerator="revenue", denominator="click")
    found.audiences.extend(["country", "member"])
    found.units_per_day, found.goals[0].baseline = 4_000.0, 0.05
    found.duration.seconds = 30 * 86_400
    return found


def test_goals_of_every_kind_survive_the_wire(wire):
    answer = wire.experiments.Apply(pb.ApplyRequest(definition=rated("rated")))
    full = answer.experiment.definition
    assert [goal.role for goal in full.goals] == [
        experiment_pb2.GOAL_ROLE_PRIMARY,
        experiment_pb2.GOAL_ROLE_GUARDRAIL,
        experiment_pb2.GOAL_ROLE_SECONDARY,
    ]
    assert {goal.direction for goal in full.goals} == {experiment_pb2.GOAL_DIRECTION_INCREASE}
    assert (full.goals[1].cap, full.goals[1].margin, full.goals[2].window.seconds) == (500.0, 0.02, 86_400)
    assert not full.goals[0].HasField("cap") and not full.goals[1].HasField("baseline")
    assert list(full.audiences) == ["country", "member"]
    assert full.duration.seconds == 30 * 86_400
    assert apply(wire, full).version == 1, "what it answers can be applied as it is"


def test_apply_says_what_the_holdout_can_show(wire):
    answer = wire.experiments.Apply(pb.ApplyRequest(definition=rated("planned")))
    assert 0 < answer.power.smallest_lift < 1
    assert answer.power.message and answer.planning == answer.power.message


def test_apply_says_what_planning_takes(wire):
    answer = wire.experiments.Apply(pb.ApplyRequest(definition=definition("unplanned")))
    assert not answer.HasField("power")
    assert "add units_per_day, duration and baseline of goal click" in answer.planning


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"numerator": "orders"}, "definition", "the parts of the ratio yield are goals"),
        ({"denominator": "orders"}, "definition", "the parts of the ratio yield are goals"),
        ({"denominator": "yield"}, "definition", "the parts of the ratio yield are goals"),
        ({"numerator": ""}, "definition.goals[2]", "names its numerator"),
        ({"default": 1.0}, "definition.goals[2]", "a ratio has no default"),
        ({"covariate": "country"}, "definition", "covariate 'country' of yield is no numeric attribute"),
        ({"cap": 5.0}, "definition.goals[2]", "cap is for goals of kind value"),
        ({"kind": 99}, "definition.goals[2].kind", "'binary', 'value' or 'ratio'"),
        ({"role": 99}, "definition.goals[2].role", "'primary', 'secondary' or 'guardrail'"),
        ({"direction": 99}, "definition.goals[2].direction", "'increase' or 'decrease'"),
        ({"margin": 1.0}, "definition.goals[2].margin", "less than 1"),
        ({"spread": 0.0}, "definition.goals[2].spread", "greater than 0"),
        ({"baseline": float("nan")}, "definition.goals[2].baseline", "less than or equal"),
    ],
)
def test_a_ratio_that_is_none(wire, changes, field, words):
    found = rated("refused")
    for name, value in changes.items():
        setattr(found.goals[2], name, value)
    assert words in refuse(wire, found, field)


def test_a_ratio_cannot_be_learned(wire):
    found = rated("refused")
    found.learn = "yield"
    assert "learn 'yield' is not among the goals that take rewards" in refuse(wire, found, "definition")


def test_a_ratio_with_a_window_of_its_own(wire):
    found = rated("refused")
    found.goals[2].window.seconds = 60
    assert "takes window and delay from its parts" in refuse(wire, found, "definition")


def test_a_cap_and_a_baseline_that_do_not_fit_a_binary_goal(wire):
    found = rated("refused")
    found.goals[0].cap = 10.0
    assert "cap is for goals of kind value" in refuse(wire, found, "definition.goals[0]")
    found = rated("refused")
    found.goals[0].baseline = 1.0
    assert "a share below 1" in refuse(wire, found, "definition.goals[0]")


@pytest.mark.parametrize("name", ["age", "shoe size"])
def test_an_audience_that_is_no_category(wire, name):
    found = rated("refused")
    found.audiences.append(name)
    assert f"audience '{name}' is no category or boolean attribute" in refuse(wire, found, "definition")


def test_an_audience_twice(wire):
    found = rated("refused")
    found.audiences.append("country")
    assert "'country' is there twice" in refuse(wire, found, "definition.audiences")


def test_two_primary_goals_and_none(wire):
    found = rated("refused")
    found.goals[0].role = found.goals[2].role = experiment_pb2.GOAL_ROLE_PRIMARY
    assert "click and yield are both primary" in refuse(wire, found, "definition")
    found = rated("refused")
    found.goals[0].role = experiment_pb2.GOAL_ROLE_SECONDARY
    assert "no goal is primary" in refuse(wire, found, "definition")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("units_per_day", 0.0, "greater than 0"), ("units_per_day", float("inf"), "less than or equal")],
)
def test_expectations_out_of_range(wire, name, value, words):
    found = rated("refused")
    setattr(found, name, value)
    assert words in refuse(wire, found, f"definition.{name}")


@pytest.mark.parametrize(("seconds", "words"), [(0, "greater than 0"), (3_651 * 86_400, "less than or equal")])
def test_a_duration_out_of_range(wire, seconds, words):
    found = rated("refused")
    found.duration.Clear()
    found.duration.FromSeconds(seconds)
    found.duration.SetInParent()
    assert words in refuse(wire, found, "definition.duration")


@pytest.mark.parametrize(("seconds", "words"), [(-1, "greater than or equal"), (401 * 86_400, "less than or equal")])
def test_a_delay_out_of_range(wire, seconds, words):
    found = rated("refused")
    found.goals[0].delay.FromSeconds(seconds)
    assert words in refuse(wire, found, "definition.goals[0].delay")


@pytest.mark.parametrize("name", ["", "Shop", "9lives", "a" * 64, "a.b"])
def test_a_name_that_is_none(wire, name):
    found = definition("refused")
    found.name = name
    refuse(wire, found, "definition.name")


def test_no_definition_at_all(wire):
    wire.refused(wire.experiments.Apply, pb.ApplyRequest(), INVALID, "INVALID_INPUT", "definition")
    refuse(wire, experiment_pb2.ExperimentDefinition(name="bare", holdout=0.1), "definition.control")


def test_a_change_that_would_spoil_the_lift_is_failed_precondition(wire):
    apply(wire, definition("fixed"))
    changed = definition("fixed")
    changed.control = changed.variants[1].key
    code = grpc.StatusCode.FAILED_PRECONDITION
    request = pb.ApplyRequest(definition=changed)
    wire.refused(wire.experiments.Apply, request, code, "FIXED_BY_HOLDOUT", "definition.control")


def test_pause_resume_archive(wire):
    apply(wire, definition("phases"))
    status = experiment_pb2.ExperimentStatus
    for _ in range(2):
        assert wire.experiments.Pause(pb.PauseRequest(name="phases")).experiment.status == status.Value(
            "EXPERIMENT_STATUS_PAUSED"
        )
    assert wire.experiments.Resume(pb.ResumeRequest(name="phases")).experiment.status == status.Value(
        "EXPERIMENT_STATUS_RUNNING"
    )
    assert wire.experiments.Archive(pb.ArchiveRequest(name="phases")).experiment.status == status.Value(
        "EXPERIMENT_STATUS_ARCHIVED"
    )
    code = grpc.StatusCode.FAILED_PRECONDITION
    request = pb.ResumeRequest(name="phases")
    wire.refused(wire.experiments.Resume, request, code, "EXPERIMENT_ARCHIVED", "name")


@pytest.mark.parametrize("method", ["Get", "Pause", "Resume", "Archive", "GetReport"])
def test_an_unknown_name_is_not_found(wire, method):
    request = getattr(pb, f"{method}Request")(name="nowhere")
    call = getattr(wire.experiments, method)
    wire.refused(call, request, grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND", "name")


def test_list_pages_through_all_by_name(wire):
    for i in range(5):
        apply(wire, definition(f"page-{i}"))
    names, request = [], pb.ListRequest(page_size=2)
    while True:
        page = wire.experiments.List(request)
        assert len(page.experiments) <= 2
        names += [experiment.definition.name for experiment in page.experiments]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert names == sorted(names)
    everything = wire.experiments.List(pb.ListRequest(page_size=1_000_000))
    assert names == [experiment.definition.name for experiment in everything.experiments]
    assert not everything.next_page_token
    assert {f"page-{i}" for i in range(5)} <= set(names)


def test_a_negative_page_size_and_a_made_up_token(wire):
    call = wire.experiments.List
    wire.refused(call, pb.ListRequest(page_size=-1), INVALID, "INVALID_INPUT", "page_size")
    wire.refused(call, pb.ListRequest(page_token="page 2"), INVALID, "INVALID_INPUT", "page_token")
    wire.refused(call, pb.ListRequest(page_token="/////w=="), INVALID, "INVALID_INPUT", "page_token")


def test_a_report_of_a_young_experiment_is_collecting(wire):
    apply(wire, definition("young"))
    report = wire.experiments.GetReport(pb.GetReportRequest(name="young")).report
    assert report.decision_count == 0
    assert [goal.goal for goal in report.goals] == ["click", "revenue"]
    assert [variant.variant for variant in report.variants] == ["plain", "bold", "wild"]
    click = report.goals[0]
    assert click.status == report_pb2.GOAL_REPORT_STATUS_COLLECTING
    assert click.learned
    assert not click.HasField("lift")
    assert not click.policy.HasField("mean")
