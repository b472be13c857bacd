"""What the server logs: JSON that holds no customer's data and no password."""

from __future__ import annotations

import json

import pytest
import structlog

from banditcore_server import logs


def test_an_error_is_logged_without_the_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configured = structlog.get_config()
    try:
        logs.configure("info")
        try:
            password = "hunter2"
            raise ValueError("no such thing as the answer" if password else "")
        except ValueError as error:
            structlog.get_logger().error("internal error", exc_info=error)
    finally:
        structlog.configure(**configured)
    line = capsys.readouterr().err
    entry = json.loads(line)
    assert entry["exception"][0]["exc_value"] == "no such thing as the answer"
    assert entry["exception"][0]["frames"][0]["name"] == "test_an_error_is_logged_without_the_values_of_variables"
    assert "hunter2" not in line
