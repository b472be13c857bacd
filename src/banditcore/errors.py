"""What can go wrong, in words for the caller. Errors know no transport: `status.py` of the server maps them."""


class BanditcoreError(Exception):
    """Base of every error this package raises on purpose.

    `reason` is a stable UPPER_SNAKE word for programs, `field` the path of the offending input
    (empty when no single field is to blame), the message a sentence that names the remedy.
    """

    reason = "INTERNAL"

    def __init__(self, message: str, *, field: str = "", reason: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        if reason is not None:
            self.reason = reason

    @property
    def message(self) -> str:
        return str(self.args[0])


class InvalidInput(BanditcoreError, ValueError):
    """The input can never be accepted as it is."""

    reason = "INVALID_INPUT"


class NotFound(BanditcoreError, LookupError):
    """No such experiment, or a decision id that is unknown, foreign or forged (deliberately one answer)."""

    reason = "NOT_FOUND"


class Conflict(BanditcoreError):
    """The same key was used before with another payload."""

    reason = "CONFLICT"


class NotAllowedNow(BanditcoreError):
    """Valid input in the wrong state: a paused experiment, a closed window."""

    reason = "NOT_ALLOWED_NOW"


class StoreUnavailable(BanditcoreError):
    """The store cannot make anything durable now; nothing of the call was acknowledged, retry it."""

    reason = "STORE_UNAVAILABLE"


class StoreLocked(BanditcoreError):
    """Another server process holds the data directory."""

    reason = "STORE_LOCKED"


class StoreCorrupt(BanditcoreError):
    """The database is damaged, is not ours, or was written by a newer release."""

    reason = "STORE_CORRUPT"
