"""Park dead letters that are not to be sent again, and release them."""

from __future__ import annotations

from dataclasses import replace

from iot_platform.clock import Clock
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.marts import transaction
from iot_platform.warehouse.workbench import Decision, Source, add_decisions, ask_letters
from iot_platform.workbench.letters import Asked
from iot_platform.workbench.redriving import working

_MOST = 1 << 31


def park(settings: Settings, asked: Asked, why: str, clock: Clock) -> int:
    """Park those of the dead letters that wait for somebody; how many."""
    return _decide(settings, replace(asked, statuses=("untouched", "unrecoverable")), "park", why, clock)


def release(settings: Settings, asked: Asked, why: str, clock: Clock) -> int:
    """Let parked ones be sent again; how many. One that is dead again after that is parked again."""
    return _decide(settings, replace(asked, statuses=("parked",)), "release", why, clock)


def _decide(settings: Settings, asked: Asked, decision: str, why: str, clock: Clock) -> int:
    settings.stream(asked.stream)
    with (
        working(settings, asked.stream),
        open_warehouse(settings) as connection,
        transaction(connection),
    ):
        rows = [row for named in asked.named() for row in ask_letters(connection, "places", {**named, "most": _MOST})]
        decisions = [
            Decision(Source(row["source_partition"], row["source_offset"]), decision, detail=why or None)
            for row in rows
        ]
        add_decisions(connection, asked.stream, decisions, clock.now())
    return len(decisions)
