"""What `status` says: figures that others left behind, put together. Opens no warehouse and disturbs nobody."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from iot_platform.clock import Clock
from iot_platform.contract.topology import Topology
from iot_platform.errors import PlatformError
from iot_platform.lifecycle import is_held
from iot_platform.pipeline.firing import SENSOR, WATCHER, evaluated_at, firing_alerts
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import group_lag
from iot_platform.stream.preflight import is_reachable
from iot_platform.stream.spool import SourceAccount, read_accounts_there_are
from iot_platform.supervision.brokers import BrokerFacts, broker_facts, can_serve, down_sentence
from iot_platform.supervision.dagster_home import ui_url
from iot_platform.supervision.exits import failing
from iot_platform.supervision.paused import left_seconds, pause_document
from iot_platform.supervision.plan import plan
from iot_platform.supervision.scaled import scaling_text
from iot_platform.supervision.slots import Desired, Role, all_slots, read_desired
from iot_platform.supervision.supervisor import Supervisor
from iot_platform.watch.lag import seconds_behind, total_messages

log = logging.getLogger(__name__)

_HEARTBEAT_STALE_SECONDS = 10.0
_EVALUATIONS_MISSED = 4
_REACHABLE_SECONDS = 2.0


def read_status(settings: Settings, clock: Clock) -> dict[str, Any]:
    """The object of `status --json` (docs/reference/interfaces.md), with `processes` and `heartbeats` beside it."""
    beats = read_heartbeats(settings.heartbeat_dir, clock)
    totals = read_json(settings.state_dir / "totals.json")
    brokers = broker_facts(settings)
    lag = _lag(settings, clock) if can_serve(brokers) else None  # who cannot serve would keep each question waiting
    accounts, unreadable = _accounts(settings)
    streams = _streams(settings, lag, clock)
    alerts = [*_alerts(settings, beats, lag is not None, clock), *_brokers_down(settings, brokers), *unreadable]
    told = {alert["what"] for alert in alerts}
    return {
        "instance": settings.instance,
        "ui_url": ui_url(settings),
        "kafka": {"servers": settings.bootstrap_servers, "reachable": lag is not None, **_brokers(brokers)},
        "streams": streams,
        "readings": totals.get("readings", 0),
        "dead_letters": totals.get("dead_letters", {"total": 0, "by_reason": {}}),
        "loaded_at": totals.get("at"),
        "lag": lag or {"messages": None, "seconds": None},
        "spool": _spool(accounts),
        "disk": {"state_bytes": directory_bytes(settings.state_dir)},
        "alerts": [*alerts, *(alert for alert in _paused(streams) if alert["what"] not in told)],
        "processes": _processes(settings),
        "heartbeats": beats,
    }


def _brokers(facts: Sequence[BrokerFacts]) -> dict[str, Any]:
    """Of three brokers of our own, which are up; of one or of others, `reachable` says all there is to say."""
    return {"brokers": {one.name: one.up for one in facts}} if len(facts) > 1 else {}


def _brokers_down(settings: Settings, facts: Sequence[BrokerFacts]) -> list[dict[str, str]]:
    """Some of three; when nothing runs here at all, that is no trouble of the brokers."""
    text = down_sentence(facts) if Supervisor(settings).pid() is not None else ""
    return [{"what": "broker_down", "text": text}] if text else []


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file written by `write_atomically`; empty when there is none yet."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return document


def read_heartbeats(directory: Path, clock: Clock) -> dict[str, dict[str, Any]]:
    """Each process's last sign of life, with its age in seconds."""
    beats = {}
    for path in sorted(directory.glob("*.json")):
        beat = read_json(path)
        if "at" in beat:
            age = (clock.now() - datetime.fromisoformat(beat["at"])).total_seconds()
            beats[path.stem] = {**beat, "age_seconds": round(age, 1)}
    return beats


def directory_bytes(directory: Path) -> int:
    """Bytes in use below `directory`; files that vanish meanwhile count nothing."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def _streams(settings: Settings, lag: Mapping[str, Any] | None, clock: Clock) -> dict[str, dict[str, Any]]:
    """By stream, validators that should run and that do; `off`: what a person stopped, with the reason."""
    groups = (lag or {}).get("groups", {})
    desired = read_desired(settings) if settings.dagster.enabled else Desired()
    slots = all_slots(settings, desired)
    running = [slot for slot in slots if is_held(slot.lease_path(settings))]
    return {
        stream: {
            "desired": sum((slot.role, slot.stream) == (Role.VALIDATOR, stream) for slot in slots),
            "running": sum((slot.role, slot.stream) == (Role.VALIDATOR, stream) for slot in running),
            "off": {
                slot.name: desired.held[slot.name].why
                for slot in slots
                if slot.stream == stream and slot.name in desired.held
            },
            "scaling": scaling_text(settings, desired, stream) if settings.dagster.enabled else None,
            "paused": pause_document(
                settings, stream, clock, groups.get(Topology(stream).validator_group, {}).get("retention_left_seconds")
            ),
        }
        for stream in settings.streams
    }


def _paused(streams: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    for state in streams.values():
        if state["paused"]:
            yield {"what": "stream_paused", "text": state["paused"]["text"]}


def _processes(settings: Settings) -> list[dict[str, Any]]:
    states = {state.name: state for state in Supervisor(settings).states()}
    processes = []
    for program in plan(settings):
        state = states.get(program.name)
        processes.append(
            {
                "name": program.name,
                "state": state.state if state else "STOPPED",
                "pid": state.pid if state and state.pid else None,
                "uptime_seconds": state.uptime_seconds if state else 0.0,
            }
        )
    return processes


def _lag(settings: Settings, clock: Clock) -> dict[str, Any] | None:
    """Raw records not validated yet, over all streams, and every group by itself; None when Kafka does not answer."""
    clients = Clients(settings)
    try:
        if not is_reachable(clients, _REACHABLE_SECONDS):
            return None
        by_stream = [group_lag(clients, stream, clock) for stream in settings.streams]
    except PlatformError as error:
        log.debug("no lag: %s", error)
        return {"messages": None, "seconds": None, "groups": {}}
    validators = [validator for validator, _loader in by_stream]
    return {
        "messages": total_messages(validators),
        "seconds": round(seconds_behind(validators), 1),
        "groups": {
            group.group: {
                "messages": group.messages,
                "seconds": round(group.seconds, 1),
                "retention_left_seconds": left_seconds(settings, stream, group),
            }
            for stream, groups in zip(settings.streams, by_stream, strict=True)
            for group in groups
        },
    }


def _accounts(settings: Settings) -> tuple[list[SourceAccount], list[dict[str, str]]]:
    """The books of all sources, and an alert for each spool that cannot be read: it must not hide the rest."""
    found = [read_accounts_there_are(settings.spool_dir, stream) for stream in settings.streams]
    return (
        [account for accounts, _ in found for account in accounts],
        [{"what": "spool_unreadable", "text": error.message} for _, troubles in found for error in troubles],
    )


def _spool(accounts: Sequence[SourceAccount]) -> dict[str, Any]:
    return {
        "readings": sum(account.spooled for account in accounts),
        "sources": {
            account.name: {
                "born": account.born,
                "acknowledged": account.acknowledged,
                "spooled": account.spooled,
                "refused": account.refused,
            }
            for account in accounts
        },
    }


def _raised(settings: Settings, clock: Clock) -> Iterator[dict[str, Any]]:
    """What the alert rules raised; and that nobody evaluates them, for then their silence says nothing."""
    yield from firing_alerts(settings)
    by = SENSOR if settings.dagster.enabled else WATCHER
    at = evaluated_at(settings, by)
    if at is not None and Supervisor(settings).pid() is not None:
        age_seconds = (clock.now() - at).total_seconds()
        if age_seconds > _EVALUATIONS_MISSED * settings.dagster.watch_interval_seconds:
            log_name = "daemon.log" if by == SENSOR else "watcher.log"
            text = f"Alerts have not been evaluated for {age_seconds:.0f} s; see {settings.log_dir / log_name}."
            yield {"what": "alerts_not_evaluated", "text": text}


def _alerts(
    settings: Settings, beats: Mapping[str, Mapping[str, Any]], kafka_reachable: bool, clock: Clock
) -> list[dict[str, Any]]:
    alerts = [*_raised(settings, clock)]
    told = {alert["what"] for alert in alerts}
    if not kafka_reachable and "kafka_unreachable" not in told:
        alerts.append({"what": "kafka_unreachable", "text": f"Kafka does not answer at {settings.bootstrap_servers}."})
    alerts += [
        {"what": "spool_full", "text": beat["problem"]}
        for beat in beats.values()
        if beat.get("spool_full") and beat["age_seconds"] <= _HEARTBEAT_STALE_SECONDS and "spool_full" not in told
    ]
    supervisor = Supervisor(settings)
    exits = failing(supervisor.log_path, clock.now())
    for state in supervisor.states():
        log = settings.log_dir / f"{state.name}.log"
        if state.state in ("BACKOFF", "FATAL"):
            alerts.append({"what": "process_failing", "text": f"{state.name} does not stay up; see {log}."})
        elif state.name in exits:
            text = f"{state.name} ended {exits[state.name]} times in the last five minutes; see {log}."
            alerts.append({"what": "process_failing", "text": text})
        beat = beats.get(state.name)
        if state.running and beat is not None and beat["age_seconds"] > _HEARTBEAT_STALE_SECONDS:
            text = f"{state.name} has given no sign of life for {beat['age_seconds']:.0f} s."
            alerts.append({"what": "process_silent", "text": text})
    return alerts
