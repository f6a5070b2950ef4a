"""What a stream's run tells in its log: one sentence every half minute, never one a message.

An event costs Dagster about 10 ms and stays for days; the figures of each second are in the heartbeat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from iot_platform.clock import Clock
from iot_platform.lifecycle import Heartbeat
from iot_platform.supervision.slots import Role

Facts = Mapping[str, Any]
Tell = Callable[[str], None]


class TellingHeartbeat(Heartbeat):
    """A heartbeat that also tells a summary of its facts every `summary_seconds`."""

    def __init__(self, path: Path, clock: Clock, role: Role, tell: Tell, summary_seconds: float) -> None:
        super().__init__(path, clock)
        self._role = role
        self._tell = tell
        self._summary_seconds = summary_seconds
        self._told: Facts = {}
        self._told_at = clock.monotonic()
        self._last: Facts = {}

    def beat(self, facts: Facts, *, now: bool = False) -> None:
        super().beat(facts, now=now)
        self._last = facts
        self._told = self._told or dict(facts)
        if self._clock.monotonic() - self._told_at >= self._summary_seconds:
            self.tell()

    def tell(self) -> None:
        """A summary of the time since the last one."""
        now = self._clock.monotonic()
        if self._last:
            self._tell(summary(self._role, self._told, self._last, now - self._told_at))
        self._told, self._told_at = dict(self._last), now


def summary(role: Role, before: Facts, after: Facts, seconds: float) -> str:
    """One sentence on what happened between two sets of facts."""
    if role is Role.PRODUCER:
        return _of_producer(before, after, seconds)
    return _of_validator(before, after, seconds)


def _of_producer(before: Facts, after: Facts, seconds: float) -> str:
    born, acknowledged, refused = (_grown(name, before, after) for name in ("born", "acknowledged", "refused"))
    text = (
        f"{born:,} readings born in {seconds:.0f} s ({_rate(born, seconds)}), {acknowledged:,} acknowledged by Kafka, "
        f"{after.get('spooled', 0):,} in the spool"
    )
    if after.get("waits_for_older_spools"):
        text += ", which waits for what former producers have spooled"
    if refused:
        text += f", {refused:,} refused"
    if after.get("phase") != "sending":
        text += f"; Kafka is not reached ({after.get('kafka_error') or 'no answer'}), readings wait in the spool"
    return f"{text}."


def _of_validator(before: Facts, after: Facts, seconds: float) -> str:
    valid, dead, duplicates, aborts = (
        _grown(name, before, after) for name in ("valid", "dead", "duplicates", "aborts")
    )
    records = valid + dead + duplicates
    text = (
        f"{records:,} records validated in {seconds:.0f} s ({_rate(records, seconds)}): {valid:,} valid, {dead:,} dead"
        f"{_reasons(before, after)}, {duplicates:,} duplicates"
    )
    if aborts:
        text += f"; {aborts:,} transactions aborted and done again ({after.get('last_error')})"
    if after.get("phase") == "paused":
        text += f"; paused. {after['problem']} This run goes on and waits"
    partitions = after.get("partitions", [])
    return f"{text}; partitions {', '.join(map(str, partitions)) or 'none yet'}."


def _reasons(before: Facts, after: Facts) -> str:
    earlier = before.get("by_reason", {})
    grown = {code: count - earlier.get(code, 0) for code, count in after.get("by_reason", {}).items()}
    told = [f"{code} {count:,}" for code, count in sorted(grown.items(), key=lambda item: -item[1]) if count]
    return f" ({', '.join(told)})" if told else ""


def _grown(name: str, before: Facts, after: Facts) -> int:
    return int(after.get(name, 0)) - int(before.get(name, 0))


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:,.0f}/s" if seconds > 0 else "-"
