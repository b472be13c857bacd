"""The one table from error classes to status codes, and the google.rpc.Status a caller gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from google.rpc import code_pb2, error_details_pb2, status_pb2

from banditcore.errors import (
    BanditcoreError,
    Conflict,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    StoreCorrupt,
    StoreLocked,
    StoreUnavailable,
)

DOMAIN = "banditcore"

CODES: dict[type[BanditcoreError], int] = {
    InvalidInput: code_pb2.INVALID_ARGUMENT,
    NotFound: code_pb2.NOT_FOUND,
    Conflict: code_pb2.ALREADY_EXISTS,
    NotAllowedNow: code_pb2.FAILED_PRECONDITION,
    StoreUnavailable: code_pb2.UNAVAILABLE,
    StoreLocked: code_pb2.UNAVAILABLE,
    StoreCorrupt: code_pb2.DATA_LOSS,
}

# What went wrong with the store is for the operator, paths and words of the database included; a caller learns
# what it means for the call.
STARTING, STOPPING = "STARTING", "STOPPING"
_PUBLIC = {
    STARTING: "the server is starting: try again",
    STOPPING: "the server is stopping: nothing of this call was recorded; retry",
    "DISK_FULL": "the server's disk is full: nothing of this call was recorded; free space, then retry",
    "STORE_CORRUPT": "the server's database is damaged: nothing of this call was recorded; its log has the details",
}
_PUBLIC_DEFAULT = (
    "the server cannot make anything durable now: nothing of this call was acknowledged; retry, which is safe"
)

RETRY_AFTER_S = 1

# A status travels in HTTP/2 trailers, which peers cut off at 8 KiB: the message once percent-encoded (up to
# three times its size) and once, with all details, in base64 (4/3). These limits stay below it together.
_MESSAGE_BYTES = 400
_FIELD_BYTES = 200
_VIOLATIONS_BYTES = 2_400


class AllRefused(BanditcoreError):
    """Every element of a call was refused; stands for the first, and names the field of each."""

    def __init__(self, errors: Sequence[BanditcoreError]) -> None:
        super().__init__(errors[0].message, field=errors[0].field, reason=errors[0].reason)
        self.errors = errors


def code_of(error: BanditcoreError) -> int:
    """The status code of an error's class; INTERNAL for one the table does not know."""
    return next((CODES[cls] for cls in type(error).__mro__ if cls in CODES), code_pb2.INTERNAL)


def is_store_trouble(error: BanditcoreError) -> bool:
    """Whether the error is the operator's rather than the caller's."""
    return isinstance(error, StoreUnavailable | StoreLocked | StoreCorrupt)


def public_message(error: BanditcoreError) -> str:
    """What a caller may read."""
    return _PUBLIC.get(error.reason, _PUBLIC_DEFAULT) if is_store_trouble(error) else error.message


def to_status(error: BanditcoreError) -> status_pb2.Status | None:
    """The status for an error raised on purpose; None for a class the table does not know."""
    errors = error.errors if isinstance(error, AllRefused) else [error]
    code = code_of(errors[0])
    if code == code_pb2.INTERNAL:
        return None
    status = status_pb2.Status(code=code, message=_cut(public_message(errors[0]), _MESSAGE_BYTES))
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    if violations := list(_violations(errors)):
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=violations))
    if code == code_pb2.UNAVAILABLE:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = RETRY_AFTER_S
        status.details.add().Pack(retry)
    return status


def internal(error_id: str) -> status_pb2.Status:
    """The status for a defect: the caller learns an id to quote and nothing of the exception."""
    status = status_pb2.Status(
        code=code_pb2.INTERNAL, message=f"internal error {error_id}: the server's log has the details"
    )
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"error_id": error_id})
    status.details.add().Pack(info)
    return status


def _violations(errors: Sequence[BanditcoreError]) -> Iterator[error_details_pb2.BadRequest.FieldViolation]:
    left = _VIOLATIONS_BYTES
    for error in errors:
        if not error.field:
            continue
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(error.field, _FIELD_BYTES),
            description=_cut(error.message, _MESSAGE_BYTES),
            reason=error.reason,
        )
        left -= violation.ByteSize()
        if left < 0:
            return
        yield violation


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, cut between characters."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    return data[: limit - 3].decode("utf-8", "ignore") + "..."
