"""Stops a validator where its overflow guard, that of another slot or a person says so: guard and file put together."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from iot_platform.clock import Clock, from_unix_millis
from iot_platform.settings import Settings
from iot_platform.stream.guard import GuardPolicy, OverflowGuard, Tally
from iot_platform.stream.outcome import Outcome
from iot_platform.stream.pauses import Pause, Standing, note_armed, pause, read_standing, told

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5


class Brake:
    """Of one slot of a stream; outlives its sessions."""

    def __init__(self, settings: Settings, stream: str, slot: int, clock: Clock) -> None:
        options = settings.validator
        policy = GuardPolicy(options.overflow_share or 0.0, options.overflow_records, options.overflow_seconds)
        self._settings = settings
        self._stream = stream
        self._slot = slot
        self._clock = clock
        self._guard = OverflowGuard(policy)
        self._standing = Standing()
        self._look_at = float("-inf")
        self._unwritten: Pause | None = None

    @property
    def is_on(self) -> bool:
        """Whether the stream is paused now. Raises DamagedError."""
        if self._clock.monotonic() >= self._look_at:
            self._look()
        return self._standing.pause is not None

    def holds(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether this batch must not be committed: with it, nearly everything fails. Then the stream is paused."""
        tripped = self._guard.trips(_tally(outcomes))
        if tripped is None:
            return False
        oldest_ms = min(outcome.oldest_ms for outcome in outcomes)
        self._unwritten = Pause(
            since=self._clock.now().isoformat(),
            why=f"{tripped.share:.1%} of the newest {tripped.records:,} records, over {tripped.seconds:,.0f} s of the "
            "stream, are dead",
            share=round(tripped.share, 4),
            records=tripped.records,
            seconds=round(tripped.seconds, 1),
            reasons=dict(Counter(tripped.by_reason).most_common(5)),
            slot=self._slot,
            oldest_unread_at=from_unix_millis(oldest_ms).isoformat(),
        )
        self._look()
        return True

    def passed(self, outcomes: Sequence[Outcome]) -> None:
        """These are committed."""
        if self._guard.committed(_tally(outcomes)):
            log.info("the overflow guard of %s is armed again", self._stream)
            try:
                note_armed(self._settings, self._stream, self._slot)
            except OSError as error:  # a full disk: the next start of this slot is disarmed once more
                log.warning("that the guard is armed cannot be kept on disk: %s", error)

    def facts(self) -> dict[str, Any]:
        """What `status` shows; empty unless the stream is paused."""
        there = self._standing.pause
        if there is None:
            return {}
        raw_days = self._settings.stream(self._stream).retention.raw_days
        left_seconds = there.left_seconds(raw_days, self._clock.now())
        return {
            "phase": "paused",
            "problem": told(self._stream, there, left_seconds),
            "paused_since": there.since,
            "retention_left_seconds": left_seconds,
        }

    def _look(self) -> None:
        self._look_at = self._clock.monotonic() + _LOOK_SECONDS
        if self._unwritten is not None:
            self._write()
            return
        before, self._standing = self._standing, read_standing(self._settings, self._stream)
        if self._standing.lets_through(self._slot) and self._standing.resumed_at != before.resumed_at:
            self._guard.disarm()
        self._tell(before)

    def _write(self) -> None:
        """A full disk must not let the batch through: the pause holds here, and is written once there is room."""
        before, wanted = self._standing, self._unwritten
        assert wanted is not None
        self._standing = Standing(pause=wanted)
        try:
            self._standing = Standing(pause=pause(self._settings, self._stream, wanted))
        except OSError as error:
            log.warning("the pause of %s cannot be kept on disk yet: %s", self._stream, error)
        else:
            self._unwritten = None
        self._tell(before)

    def _tell(self, before: Standing) -> None:
        if self._standing.pause is not None and before.pause is None:
            log.warning("%s", self.facts()["problem"])
        elif self._standing.pause is None and before.pause is not None:
            log.warning("stream %s is resumed", self._stream)


def _tally(outcomes: Sequence[Outcome]) -> Tally:
    by_reason: Counter[str] = Counter()
    for outcome in outcomes:
        by_reason.update(outcome.by_reason)
    return Tally(
        records=sum(outcome.records for outcome in outcomes),
        dead=sum(len(outcome.dead) for outcome in outcomes),
        by_reason=by_reason,
        oldest_ms=min(outcome.oldest_ms for outcome in outcomes),
        newest_ms=max(outcome.newest_ms for outcome in outcomes),
    )
