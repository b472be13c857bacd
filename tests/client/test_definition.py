"""A definition survives the wire and the store."""

from __future__ import annotations

from definitions import specs
from hypothesis import HealthCheck, given, settings

from banditcore.client.definition import from_message, to_message
from banditcore.config import ExperimentSpec
from banditcore.v1.experiment_pb2 import ExperimentDefinition

many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(specs())
def test_every_definition_survives_the_wire(spec: ExperimentSpec) -> None:
    packed = to_message(spec).SerializeToString()
    assert from_message(ExperimentDefinition.FromString(packed)) == spec


@many
@given(specs())
def test_every_definition_survives_its_json(spec: ExperimentSpec) -> None:
    assert ExperimentSpec.model_validate_json(spec.model_dump_json()) == spec
