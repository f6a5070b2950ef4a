"""The stages of the stream, run in the test's own process."""

from __future__ import annotations

import json

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.settings import Settings
from iot_platform.stream.totals import Totals
from iot_platform.stream.validator import Validator
from tests.support.topics import send


def key_of(value: bytes) -> bytes:
    """The sensor of a reading; of anything else some key."""
    try:
        return str(json.loads(value)["sensor_id"]).encode()
    except (ValueError, KeyError, TypeError):
        return b"sensor-1"


def validate(settings: Settings, topology: Topology) -> Validator:
    """Slot 0, run until it has caught up."""
    validator = Validator(settings, topology.stream, 0, SystemClock())
    validator.run(Stop(), Limit(Bounds(until_caught_up=True, seconds=60), SystemClock()), lambda: None)
    return validator


def validated(settings: Settings, topology: Topology, values: list[bytes]) -> Totals:
    """Send raw values, and validate all there is."""
    send(settings, topology.raw, [{"value": value, "key": key_of(value)} for value in values])
    return validate(settings, topology).totals
