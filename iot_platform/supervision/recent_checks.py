"""Without Dagster: the checks that need no marts, asked of the readers' copy, which blocks nobody."""

from __future__ import annotations

from datetime import datetime

from iot_platform.errors import PlatformError
from iot_platform.pipeline.query import open_copy
from iot_platform.quality.checks import CHECKS, evaluate
from iot_platform.quality.verdict import Verdict
from iot_platform.settings import Settings
from iot_platform.supervision.unwanted import streams_off
from iot_platform.watch.alerts.signals import Signal, check_signals

WITHOUT_MARTS = ("dead_letter_share", "freshness", "null_burst", "unprocessable", "parked_letters")


def recent_verdicts(settings: Settings, now: datetime) -> tuple[list[Signal], set[str]]:
    """Signals of these checks, and the names of those that nobody could judge."""
    unjudged = {f"check/{name}" for name in CHECKS if name not in WITHOUT_MARTS}
    try:
        with open_copy(settings) as copy:
            off = streams_off(settings)
            verdicts = [evaluate(copy, settings, name, now, off) for name in WITHOUT_MARTS]
    except PlatformError:  # there is none yet
        return [], unjudged | {f"check/{name}" for name in WITHOUT_MARTS}
    return [signal for verdict in verdicts for signal in _signals_of(verdict, now)], unjudged


def _signals_of(verdict: Verdict, now: datetime) -> list[Signal]:
    streams = {stream: (one.status, one.text) for stream, one in verdict.streams.items()}
    return check_signals(verdict.check, verdict.status, verdict.text, streams, now)
