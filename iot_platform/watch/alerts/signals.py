"""What an observer says is wrong at one moment. Who is well sends no signal, or one of level `ok`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["check", "stream", "lag", "platform"]
Level = Literal["ok", "info", "warn", "error"]

ALL_STREAMS = "all streams"
KINDS: tuple[Kind, ...] = ("check", "stream", "lag", "platform")
LEVELS: tuple[Level, ...] = ("ok", "info", "warn", "error")  # from well to worst

# Names that observers and the built-in rules agree on; checks are named as in quality.
STREAM_NOT_RUNNING = "not_running"
STREAM_FAILING = "failing"
STREAM_STOPPED = "stopped_by_person"
STREAM_PAUSED = "paused"
LAG_SECONDS = "seconds_behind"
KAFKA_UNREACHABLE = "kafka_unreachable"
BROKER_DOWN = "broker_down"
WAREHOUSE_LOCKED = "warehouse_locked"
DISK_LOW = "disk_low"
SPOOL_FULL = "spool_full"
SPOOL_FILLING = "spool_filling"
QUARANTINE = "quarantine"
ASSETS_STALE = "assets_stale"
DAEMON_DOWN = "daemon_down"
CODE_SERVER_DOWN = "code_server_down"
WEBSERVER_DOWN = "webserver_down"
HEARTBEAT_FAILING = "heartbeat_failing"
SEEN_FROM_OUTSIDE = frozenset(
    f"platform/{name}" for name in (DAEMON_DOWN, CODE_SERVER_DOWN, WEBSERVER_DOWN, HEARTBEAT_FAILING)
)
"""What Dagster's sensor cannot see: whether Dagster works."""


@dataclass(frozen=True)
class Signal:
    """`name` says what is looked at, `subject` at whose: "iot_data", "validator-iot_data-0".

    `text` has the figure in it. `value` is the figure itself, for rules with `above`. `stream` is the one that it is
    about, empty where it is about all: a cause explains what follows from it in its own stream alone.
    """

    kind: Kind
    name: str
    subject: str
    level: Level
    text: str
    at: datetime
    value: float | None = None
    stream: str = ""


def lag_signal(
    group: str, seconds: float, at: datetime, stream: str = "", *, level: Level = "info", text: str = ""
) -> Signal:
    """How far a consumer group is behind; the rules say from where on that matters. `level` is of its course."""
    return Signal("lag", LAG_SECONDS, group, level, text or f"{seconds:,.0f} s behind", at, seconds, stream)


def check_signal(check: str, subject: str, status: str, text: str, at: datetime, stream: str = "") -> Signal:
    """The verdict of a data check: pass, warn or error."""
    levels: dict[str, Level] = {"pass": "ok", "warn": "warn", "error": "error"}
    return Signal("check", check, subject, levels[status], text, at, stream=stream)


def check_signals(
    check: str, status: str, text: str, streams: Mapping[str, tuple[str, str]], at: datetime
) -> list[Signal]:
    """What a check says of each stream (status and text); and of all, where only all together are as bad as it says."""
    of_each = [check_signal(check, stream, *said, at, stream) for stream, said in streams.items()]
    of_all = check_signal(check, ALL_STREAMS, status, text, at)
    worst = max((severity(one.level) for one in of_each), default=severity("ok"))
    return [*of_each, of_all] if severity(of_all.level) > worst else of_each


def severity(level: Level) -> int:
    return LEVELS.index(level)


def is_unknown(unknown: Collection[str], kind: str, name: str, subject: str) -> bool:
    """Whether `unknown` names it: all of a kind (`lag`), one name of it (`check/freshness`), or one subject of that
    (`lag/seconds_behind/loader-iot_data`)."""
    return any(one in unknown for one in (kind, f"{kind}/{name}", f"{kind}/{name}/{subject}"))
