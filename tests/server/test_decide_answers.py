"""Decide and BatchDecide as they should go: both forms agree, and a retry gets the first answer."""

from __future__ import annotations

import numpy as np

from banditcore.v1 import decision_pb2
from banditcore.v1 import decision_service_pb2 as pb
from banditcore.v1 import experiment_service_pb2 as experiment_pb


def test_an_answer_is_complete(wire):
    answer = wire.decisions.Decide(pb.DecideRequest(experiment="shop", unit="complete"))
    assert len(bytes.fromhex(answer.decision_id)) == 24
    assert answer.payload == {"plain": "p0", "bold": "p1", "wild": "p2"}[answer.variant]
    assert answer.group in (decision_pb2.GROUP_POLICY, decision_pb2.GROUP_HOLDOUT)
    assert 0 < answer.propensity <= 1
    assert answer.experiment_version == 1
    assert answer.decide_time.seconds > 1_700_000_000
    assert not answer.degraded
    assert not answer.duplicate


def test_only_eligible_variants_are_drawn(wire):
    request = pb.DecideRequest(experiment="shop", eligible_variants=["plain", "bold"])
    for i in range(50):
        request.unit = f"eligible-{i}"
        assert wire.decisions.Decide(request).variant in ("plain", "bold")


def test_a_repeated_request_id_replays_the_first_answer(wire):
    request = pb.DecideRequest(experiment="shop", unit="again", request_id="replayed")
    first = wire.decisions.Decide(request)
    before = wire.counts()
    second = wire.decisions.Decide(request)
    assert second.duplicate
    second.duplicate = False
    assert second == first
    assert wire.counts() == before


def test_a_repeated_batch_replays_in_the_form_it_is_asked_in(wire):
    request = pb.BatchDecideRequest(experiment="shop", request_id="batch")
    request.columns.units.extend(["x", "y"])
    request.columns.contexts = np.zeros((2, 9)).tobytes()
    first, second = wire.decisions.BatchDecide(request), wire.decisions.BatchDecide(request)
    assert second.duplicate
    assert second.columns == first.columns


def test_columns_hold_what_rows_hold(wire):
    """Same units, same contexts: same groups and propensities; ids and draws are each call's own."""
    units = [f"form-{i}" for i in range(200)]
    rows = pb.DecideRows(items=[pb.DecideRow(unit=unit) for unit in units])
    for row in rows.items:
        row.attributes["age"].number = 55
        row.attributes["country"].category = "FR"
        row.attributes["member"].boolean = True
    by_row = wire.decisions.BatchDecide(pb.BatchDecideRequest(experiment="shop", rows=rows))

    experiment = wire.experiments.Get(experiment_pb.GetRequest(name="shop")).experiment
    encoded = {"constant": 1.0, "age": 1.0, "country=FR": 1.0, "member": 1.0}
    vector = np.array([encoded.get(name, 0.0) for name in experiment.feature_names])
    columns = pb.DecideColumns(units=units, contexts=np.tile(vector, (200, 1)).tobytes())
    packed = wire.decisions.BatchDecide(pb.BatchDecideRequest(experiment="shop", columns=columns)).columns

    assert list(packed.groups) == [decision.group for decision in by_row.rows.decisions]
    assert len(packed.decision_ids) == 24 * 200
    arms = np.frombuffer(packed.arms, "<i4")
    propensities = np.frombuffer(packed.propensities, "<f8")
    payloads = dict(zip(packed.variants, packed.payloads, strict=True))
    by_variant = {d.variant: d.propensity for d in by_row.rows.decisions if d.group == decision_pb2.GROUP_POLICY}
    for arm, group, propensity in zip(arms, packed.groups, propensities, strict=True):
        variant = packed.variants[arm]
        assert payloads[variant] == {"plain": "p0", "bold": "p1", "wild": "p2"}[variant]
        expected = 1.0 if group == decision_pb2.GROUP_HOLDOUT else by_variant[variant]
        assert propensity == expected


def test_ids_of_columns_are_good_for_the_other_calls(wire):
    columns = pb.DecideColumns(units=["one"], contexts=np.zeros((1, 9)).tobytes())
    packed = wire.decisions.BatchDecide(pb.BatchDecideRequest(experiment="shop", columns=columns)).columns
    request = pb.ExplainDecisionRequest(decision_id=packed.decision_ids.hex())
    explanation = wire.decisions.ExplainDecision(request).explanation
    assert explanation.decision.unit == "one"
    assert explanation.recomputed
    assert sum(explanation.decision.propensities) == 1.0 or abs(sum(explanation.decision.propensities) - 1) < 1e-12
    assert [arm.variant for arm in explanation.arms] == ["plain", "bold", "wild"]
