"""When a delivery has failed, how long to wait, and when Kafka is away (P3). Decisions only; nothing is sent here.

SENDING ──attempt failed──► WAITING ──waited──► SENDING          at most `retries` times in a row
   ▲                           │ one failure more
   └──── a probe answers ──── AWAY                               probing every `probe_seconds`
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from iot_platform.settings import ProducerSettings

_INCIDENTS_KEPT = 10
_ATTEMPTS_KEPT = 20


class Phase(StrEnum):
    SENDING = "sending"
    WAITING = "waiting"
    AWAY = "away"


@dataclass(frozen=True)
class RetryPolicy:
    delivery_timeout_seconds: float
    retries: int
    backoff_seconds: float
    backoff_max_seconds: float
    probe_seconds: float = 2.0

    @classmethod
    def of(cls, settings: ProducerSettings) -> RetryPolicy:
        return cls(
            settings.delivery_timeout_seconds, settings.retries, settings.backoff_seconds, settings.backoff_max_seconds
        )

    def wait_seconds(self, failures: int, jitter: float) -> float:
        """The wait after that many failures in a row: doubling, then level; `jitter` in 0..1 spreads its upper half."""
        whole: float = min(self.backoff_max_seconds, self.backoff_seconds * 2.0 ** min(failures - 1, 60))
        return whole * (0.5 + 0.5 * jitter)

    def has_stalled(self, head_since: float | None, now: float) -> bool:
        """Whether the oldest batch in flight, first in line since `head_since`, has waited too long."""
        return head_since is not None and now - head_since >= self.delivery_timeout_seconds


@dataclass
class Incident:
    """One failed delivery, from its first failed attempt to its outcome."""

    began_at: datetime
    attempts: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=_ATTEMPTS_KEPT))
    """Why each attempt failed, and the wait after it in seconds."""
    failures: int = 0
    outcome: str = "retrying"


class RetryState:
    """Where the state machine stands. `jitter` gives numbers in 0..1."""

    def __init__(self, policy: RetryPolicy, jitter: Callable[[], float]) -> None:
        self.policy = policy
        self._jitter = jitter
        self.phase = Phase.SENDING
        self.resume_at = 0.0
        self.incidents: deque[Incident] = deque(maxlen=_INCIDENTS_KEPT)
        self._open: Incident | None = None

    @property
    def failures(self) -> int:
        """Attempts that failed in a row."""
        return self._open.failures if self._open else 0

    def failed(self, why: str, now: float, at: datetime) -> float:
        """An attempt failed. Returns the wait in seconds before the next attempt or probe."""
        if self._open is None:
            self._open = Incident(at)
            self.incidents.append(self._open)
        self._open.failures += 1
        if self._open.failures > self.policy.retries:
            self.phase, self._open.outcome = Phase.AWAY, "away: readings wait in the spool"
            wait_seconds = self.policy.probe_seconds
        else:
            self.phase = Phase.WAITING
            wait_seconds = self.policy.wait_seconds(self._open.failures, self._jitter())
        self._open.attempts.append((why, wait_seconds))
        self.resume_at = now + wait_seconds
        return wait_seconds

    def is_due(self, now: float) -> bool:
        """Whether the wait is over: try again (WAITING) or probe (AWAY)."""
        return self.phase is not Phase.SENDING and now >= self.resume_at

    def probe_failed(self, now: float) -> None:
        self.resume_at = now + self.policy.probe_seconds

    def resumed(self) -> None:
        """The next attempt begins."""
        self.phase = Phase.SENDING

    def delivered(self) -> bool:
        """A batch is through. True when that ended an incident."""
        if self._open is None:
            return False
        self._open.outcome = f"delivered after {self._open.failures} failed attempts"
        self._open = None
        return True
