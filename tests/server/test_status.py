"""The table of status codes, and that no status outgrows the trailers it travels in."""

from __future__ import annotations

import base64
import urllib.parse

import pytest
from google.rpc import code_pb2, error_details_pb2

from banditcore import errors
from banditcore_server.status import CODES, AllRefused, to_status


@pytest.mark.parametrize(
    "kind", [kind for kind in errors.BanditcoreError.__subclasses__() if kind.__module__ == errors.__name__]
)
def test_every_error_has_a_code(kind):
    status = to_status(kind("a message"))
    assert status is not None
    assert status.code == CODES[kind]


def test_an_error_of_the_base_class_is_a_defect():
    assert to_status(errors.BanditcoreError("unforeseen")) is None


def test_only_unavailable_asks_for_a_retry():
    for kind, code in CODES.items():
        status = to_status(kind("a message", field="unit"))
        assert status is not None
        names = [detail.TypeName() for detail in status.details]
        assert ("google.rpc.RetryInfo" in names) == (code == code_pb2.UNAVAILABLE)
        assert "google.rpc.BadRequest" in names


@pytest.mark.parametrize("letter", ["x", "é", "\N{SNOWMAN}", "\ud800"])
def test_trailers_stay_below_8_kib(letter):
    error = errors.InvalidInput(letter * 100_000, field=f"attributes.{letter * 100_000}")
    status = to_status(AllRefused([error] * 10_000))
    assert status is not None
    details = base64.b64encode(status.SerializeToString())
    assert len(details) + len(urllib.parse.quote(status.message)) < 7_500
    request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(request) for detail in status.details)
    assert request.field_violations
