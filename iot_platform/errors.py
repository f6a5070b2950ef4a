"""The one tree of exceptions.

    PlatformError                 everything this platform raises on purpose; carries a next step for the user
    ├── UsageError                what was asked for makes no sense            (exit code 2)
    │   └── SettingsError         a setting is missing, malformed or contradicts another
    ├── UnavailableError          something needed is not there                (exit code 3)
    │   ├── KafkaUnavailableError Kafka does not answer, or refuses what we need
    │   ├── WarehouseBusyError    another process holds the DuckDB file
    │   ├── PortTakenError        a port we were told to use is in use
    │   ├── DownloadError         something could not be fetched
    │   ├── AlreadyRunningError   a second start of what runs once
    │   ├── DedupStoreError       the local store of accepted ids cannot be used; it is opened or built anew
    │   └── PausedError           the stream is paused: it goes on when somebody resumes it
    └── IntegrityError            data is not as the promise says; never retried, never skipped (exit code 1)
        ├── OffsetsLostError      offsets that we must read are gone, or were never there
        ├── ChangelogTooShortError the ledger does not reach back over the deduplication window
        └── DamagedError          stored bytes do not match their checksum

Every message is one clear sentence; `next_step` names the command or the setting to change.
"""

from __future__ import annotations


class PlatformError(Exception):
    """Base of all; `message` says what happened, `next_step` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class UsageError(PlatformError):
    exit_code = 2


class SettingsError(UsageError):
    pass


class UnavailableError(PlatformError):
    exit_code = 3


class KafkaUnavailableError(UnavailableError):
    pass


class WarehouseBusyError(UnavailableError):
    pass


class PortTakenError(UnavailableError):
    pass


class DownloadError(UnavailableError):
    pass


class AlreadyRunningError(UnavailableError):
    pass


class DedupStoreError(UnavailableError):
    pass


class PausedError(UnavailableError):
    pass


class IntegrityError(PlatformError):
    exit_code = 1


class OffsetsLostError(IntegrityError):
    pass


class ChangelogTooShortError(IntegrityError):
    pass


class DamagedError(IntegrityError):
    pass
