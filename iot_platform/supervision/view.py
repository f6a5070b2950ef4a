"""The live view of `up`: rates, verdicts, lag and what is loaded, once a second."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from iot_platform.clock import Clock
from iot_platform.lifecycle import Stop
from iot_platform.settings import Settings
from iot_platform.supervision.status import read_status
from iot_platform.supervision.supervisor import Supervisor

_REFRESH_SECONDS = 1.0
_PLAIN_REFRESH_SECONDS = 10.0
_SPANS = "sent: in all; valid, dead, duplicates: since the validator's start"


def follow(settings: Settings, clock: Clock, supervisor: Supervisor) -> None:
    """Show the live view until interrupted or terminated, or until the supervisor is gone.

    Without a terminal, one line every ten seconds.
    """
    stop = Stop().on_signals()
    console = Console(stderr=True, highlight=False)
    before = read_status(settings, clock)
    if not console.is_terminal:
        while not stop.wait(_PLAIN_REFRESH_SECONDS) and supervisor.pid() is not None:
            console.print(one_line(read_status(settings, clock)), soft_wrap=True, markup=False)
        return
    with Live(render(before, None), console=console, refresh_per_second=2, transient=False) as live:
        while not stop.wait(_REFRESH_SECONDS) and supervisor.pid() is not None:
            now = read_status(settings, clock)
            live.update(render(now, before))
            before = now


def render(status: dict[str, Any], before: dict[str, Any] | None) -> Group:
    """The status for a person; with the status before it, rates too."""
    parts: list[Any] = [_streams(status, before), _warehouse(status)]
    parts += [Text(f"! {alert['text']}", style="bold red") for alert in status["alerts"]]
    return Group(*parts)


def one_line(status: dict[str, Any]) -> str:
    lag, dead = status["lag"], status["dead_letters"]
    behind = "?" if lag["messages"] is None else f"{lag['messages']:,}"
    alerts = "".join(f" ! {alert['text']}" for alert in status["alerts"])
    return f"loaded {status['readings']:,} readings, {dead['total']:,} dead letters; lag {behind}{alerts}"


def _streams(status: dict[str, Any], before: dict[str, Any] | None) -> Table:
    # Nine columns: without lines between them they fit a terminal of 80.
    made = Table(
        title="Streams", title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=0, show_edge=False
    )
    made.caption, made.caption_justify = _SPANS, "left"
    for column, justify in (
        ("stream", "left"), ("running", "left"), ("sent", "right"), ("valid", "right"), ("dead", "right"),
        ("duplicates", "right"), ("per second", "right"), ("lag", "right"), ("seconds behind", "right"),
    ):  # fmt: skip
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column == "stream")  # type: ignore[arg-type]
    for stream, counts in status["streams"].items():
        done = _validated(status, stream)
        rate = "-" if before is None else f"{_rate(status, before, stream):,.1f}"
        group = (status["lag"].get("groups") or {}).get(f"validator-{stream}", {})
        sent = sum(
            beat.get("acknowledged", 0)
            for beat in status["heartbeats"].values()
            if (beat.get("role"), beat.get("stream")) == ("producer", stream)
        )
        made.add_row(
            stream, _running(counts), f"{sent:,}", f"{done['valid']:,}",
            f"{done['dead']:,}", f"{done['duplicates']:,}", rate, _figure(group.get("messages")),
            _figure(group.get("seconds")),
        )  # fmt: skip
    return made


def _running(counts: dict[str, Any]) -> str:
    return "paused" if counts["paused"] else f"{counts['running']} of {counts['desired']}"


def _warehouse(status: dict[str, Any]) -> Table:
    dead = status["dead_letters"]
    made = Table(title="Warehouse", title_justify="left", show_header=False)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row("readings", f"{status['readings']:,}")
    reasons = sorted(dead["by_reason"].items(), key=lambda item: -item[1])
    made.add_row("dead letters", f"{dead['total']:,}")
    made.add_row("  by reason", ", ".join(f"{code} {count:,}" for code, count in reasons) or "-")
    made.add_row("spooled", f"{status['spool']['readings']:,}")
    made.add_row("disk", f"{status['disk']['state_bytes'] / 1e6:,.0f} MB")
    made.add_row("kafka", f"{status['kafka']['servers']} {'' if status['kafka']['reachable'] else '(not reachable)'}")
    if brokers := status["kafka"].get("brokers"):
        made.add_row("  brokers up", f"{sum(brokers.values())} of {len(brokers)}")
    return made


def _validated(status: dict[str, Any], stream: str) -> dict[str, int]:
    counts = {"valid": 0, "dead": 0, "duplicates": 0}
    for name, beat in status["heartbeats"].items():
        if name.startswith(f"validator-{stream}-"):
            for key in counts:
                counts[key] += beat.get(key, 0)
    return counts


def _rate(status: dict[str, Any], before: dict[str, Any], stream: str) -> float:
    """Records validated a second between two statuses, by the heartbeats' own times."""
    rate = 0.0
    for name, beat in status["heartbeats"].items():
        old = before["heartbeats"].get(name)
        if not name.startswith(f"validator-{stream}-") or old is None or old["pid"] != beat["pid"]:
            continue
        seconds = (datetime.fromisoformat(beat["at"]) - datetime.fromisoformat(old["at"])).total_seconds()
        done = sum(beat.get(key, 0) - old.get(key, 0) for key in ("valid", "dead", "duplicates"))
        rate += done / seconds if seconds > 0 else 0.0
    return rate


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
