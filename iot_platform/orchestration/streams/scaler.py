"""The sensor that lets the number of validators follow the lag. It only says how many are wanted: the keeper starts
them, and those that are wanted no more end by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.orchestration.assets.lineage import stream_key
from iot_platform.orchestration.assets.shown import figures, table_preview
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.scaling import Scaled, look_seconds, scale, scaled_streams
from iot_platform.supervision.slots import Role
from iot_platform.watch.scaling import words

_IDLE_SECONDS = 60
_SHOWN_EVERY_SECONDS = 300.0
"""An observation costs 15 ms and is kept for days; a change is shown at once."""
_CHANGES_SHOWN = 10


def scale_sensor(settings: Settings) -> dg.SensorDefinition:
    """Looks every ten seconds where a stream is scaled; where none is, only whether that has changed."""

    @dg.sensor(
        name="scale_streams",
        minimum_interval_seconds=round(look_seconds(settings)) if scaled_streams(settings) else _IDLE_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="The number of validators follows the lag, in streams with `validators_most`: out when one would "
        "not catch up in time, in when nothing has waited for long. The sensor `keep_streams_running` starts them. "
        "`iot-platform streams scale STREAM` shows what changed and why; with a number a person decides.",
    )
    def scale_streams(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        current, clock = load_settings(), SystemClock()
        if not scaled_streams(current):
            return dg.SensorResult(skip_reason="No stream is scaled: set streams.NAME.validators_most.")
        found, now = scale(current, clock), clock.now()
        if not found:
            return dg.SensorResult(skip_reason="Another look is under way.")
        due = _is_due(context.cursor, now)
        shown = [one for one in found if due or one.changed]
        return dg.SensorResult(
            skip_reason="\n".join(f"{one.stream}: {sentence(one)}" for one in found),
            asset_events=[observation(one) for one in shown],
            cursor=now.isoformat() if due else context.cursor,
        )

    return scale_streams


def _is_due(cursor: str | None, now: datetime) -> bool:
    return cursor is None or (now - datetime.fromisoformat(cursor)).total_seconds() >= _SHOWN_EVERY_SECONDS


def sentence(one: Scaled) -> str:
    """How many from now on, why, and the last change."""
    known, decision = one.known, one.decision
    return words.told(decision.wanted, known.least, known.most, decision.why, decision.memory)


def observation(one: Scaled) -> dg.AssetObservation:
    """On the asset of the stream's validators: figures that the UI plots, the sentence, and the last changes."""
    known, decision = one.known, one.decision
    measured = (
        {
            "behind (messages)": known.load.messages,
            "arrive (per second)": known.load.inflow,
            "taken (per second)": known.load.outflow,
        }
        if known.load
        else {}
    )
    changes: list[dict[str, Any]] = [
        {"at": change.at, "before": change.before, "after": change.after, "who": change.who, "why": change.why}
        for change in reversed(decision.memory.changes[-_CHANGES_SHOWN:])
    ]
    return dg.AssetObservation(
        stream_key(one.stream, Role.VALIDATOR),
        metadata={
            **figures({"validators wanted": decision.wanted, "validators running": known.running, **measured}),
            "scaling": dg.MetadataValue.text(sentence(one)),
            **({"scaled": table_preview(changes)} if changes else {}),
        },
    )
