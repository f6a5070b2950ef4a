"""Streams that a person has switched off: nobody misses their readings."""

from __future__ import annotations

from iot_platform.settings import Settings
from iot_platform.supervision.slots import Desired, Draining, Role, all_slots, read_desired


def streams_off(settings: Settings) -> frozenset[str]:
    """Drained, all validators stopped or none wanted, or all of its own producers stopped."""
    desired = read_desired(settings)
    if desired.draining is not Draining.NOTHING:
        return frozenset(settings.streams)
    return frozenset(stream for stream in settings.streams if _is_off(settings, desired, stream))


def _is_off(settings: Settings, desired: Desired, stream: str) -> bool:
    slots = [slot for slot in all_slots(settings, desired) if slot.stream == stream]
    there = {slot.role for slot in slots}
    running = {slot.role for slot in slots if desired.lets_run(slot)}
    return bool(there - running) or Role.VALIDATOR not in there
