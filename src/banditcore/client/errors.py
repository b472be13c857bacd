"""From a failed call back to the error the server raised."""

from __future__ import annotations

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from banditcore.errors import (
    BanditcoreError,
    Conflict,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    StoreCorrupt,
    StoreUnavailable,
)
from banditcore.v1.decision_service_pb2 import MergeError, RewardError

_DOMAIN = "banditcore"
_DETAILS_KEY = "grpc-status-details-bin"
_CLASSES: dict[int, type[BanditcoreError]] = {
    code_pb2.INVALID_ARGUMENT: InvalidInput,
    code_pb2.NOT_FOUND: NotFound,
    code_pb2.ALREADY_EXISTS: Conflict,
    code_pb2.FAILED_PRECONDITION: NotAllowedNow,
    code_pb2.UNAVAILABLE: StoreUnavailable,
    code_pb2.DATA_LOSS: StoreCorrupt,
}


class CallFailed(BanditcoreError):
    """The call failed without an answer of the server's own: not reached, too late, too large, or a defect.

    `reason` is the name of the gRPC status code, such as UNAVAILABLE or DEADLINE_EXCEEDED.
    """


def from_call(error: grpc.RpcError) -> BanditcoreError:
    """The error to raise for a failed call."""
    status = _attached_status(error)
    if status is not None and (ours := from_status(status)) is not None:
        return ours
    return CallFailed(error.details() or str(error.code()), reason=error.code().name)


def from_status(status: status_pb2.Status) -> BanditcoreError | None:
    """The error a status of the server stands for; None when it is not one of ours."""
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(request)
    kind = _CLASSES.get(status.code)
    if info.domain != _DOMAIN or kind is None:
        return None
    field = request.field_violations[0].field if request.field_violations else ""
    return kind(status.message, field=field, reason=info.reason)


def from_reward_error(error: RewardError | MergeError) -> BanditcoreError:
    """The error that one reward or merge of several was refused with."""
    kind = _CLASSES.get(error.code, BanditcoreError)
    return kind(error.message, field=error.field, reason=error.reason)


def _attached_status(error: grpc.RpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            status: status_pb2.Status = status_pb2.Status.FromString(value)
            return status
    return None
