"""What `health` says: which stream processes live, and what each tells of itself.

Whether a process lives is told by its lease, what it knows by its own address, which stands in its heartbeat. One that
lives and serves no address is judged by its last sign of life alone.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iot_platform.clock import Clock
from iot_platform.errors import UsageError
from iot_platform.health import Observation, problems_of
from iot_platform.lifecycle import is_held
from iot_platform.settings import Settings
from iot_platform.supervision.slots import Desired, Slot, all_slots, read_desired
from iot_platform.supervision.status import read_heartbeats
from iot_platform.supervision.supervisor import Supervisor

_ASK_SECONDS = 3.0
_MOST_AT_ONCE = 16
_LOADER = "loader"


@dataclass(frozen=True)
class Expected:
    """A stream process that there should be. `off`: why it is not to run now."""

    name: str
    lease_path: Path
    off: str = ""


@dataclass(frozen=True)
class ProcessHealth:
    """What is known of one process; `document` is its own, None where it gave none."""

    name: str
    alive: bool
    off: str
    problems: tuple[str, ...]
    document: Mapping[str, Any] | None
    next_step: str = ""

    @property
    def healthy(self) -> bool:
        """Well, or off because somebody wants it so."""
        return not self.problems

    def as_document(self) -> dict[str, Any]:
        known = dict(self.document or {})
        return {
            **known,
            "name": self.name,
            "alive": self.alive,
            "healthy": self.healthy,
            "off": self.off or None,
            "problems": list(self.problems),
            "next_step": self.next_step or None,
        }


def read_health(settings: Settings, clock: Clock, name: str | None = None) -> list[ProcessHealth]:
    """Every stream process of this installation, or the one of that name. UsageError names those that there are."""
    expected = {one.name: one for one in _expected(settings)}
    if name is not None and name not in expected:
        raise UsageError(f"There is no '{name}' here.", next_step=f"There are: {', '.join(sorted(expected))}.")
    chosen = [one for one in expected.values() if name in (None, one.name)]
    beats = read_heartbeats(settings.heartbeat_dir, clock)
    is_up = Supervisor(settings).pid() is not None
    with ThreadPoolExecutor(_MOST_AT_ONCE) as asking:
        return list(asking.map(lambda one: _health_of(settings, one, beats.get(one.name, {}), is_up=is_up), chosen))


def _expected(settings: Settings) -> Iterator[Expected]:
    desired = read_desired(settings) if settings.dagster.enabled else Desired()
    slots = all_slots(settings, desired)
    for slot in slots:
        yield Expected(slot.name, slot.lease_path(settings), _why_off(desired, slot))
    if not settings.dagster.enabled:  # under Dagster a cycle loads
        yield Expected(_LOADER, settings.lease_dir / f"{_LOADER}.lock")
    leases = {slot.lease_path(settings) for slot in slots}
    for path in sorted(settings.lease_dir.glob("producer-*-file-*.lock")):
        if path not in leases and is_held(path):
            yield Expected(path.stem, path)


def _why_off(desired: Desired, slot: Slot) -> str:
    if desired.lets_run(slot):
        return ""
    return desired.held[slot.name].why if slot.name in desired.held else "drained"


def _health_of(settings: Settings, one: Expected, beat: Mapping[str, Any], *, is_up: bool) -> ProcessHealth:
    if not is_held(one.lease_path):
        problems = () if one.off else ("It does not run.",)
        return ProcessHealth(one.name, False, one.off, problems, None, _how_to_start(settings, one, is_up=is_up))
    document = _own_document(one.name, beat)
    if document is not None:
        problems = tuple(document["problems"])
    else:
        facts = {key: value for key, value in beat.items() if key not in {"pid", "at", "health_url", "age_seconds"}}
        seen = Observation(facts, beat.get("age_seconds", 0.0), None, settings.bootstrap_servers)
        no_answer = ("Its address does not answer.",) if "health_url" in beat else ()
        problems = (*no_answer, *problems_of(seen))
    log = settings.log_dir / f"{one.name}.log"
    where = "`iot-platform status`, and its run in the UI" if settings.dagster.enabled else str(log)
    return ProcessHealth(one.name, True, "", problems, document, f"See {where}." if problems else "")


def _how_to_start(settings: Settings, one: Expected, *, is_up: bool) -> str:
    if not is_up or one.off == "drained":
        return "Start it with `iot-platform up`."
    if one.off:
        return f"Start it with `iot-platform streams start {one.name}`."
    if settings.dagster.enabled:
        return "It is started within half a minute; else see its last run in the UI."
    return f"It is started again within seconds; else see {settings.log_dir / f'{one.name}.log'}."


def _own_document(name: str, beat: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the process says at its address; None when nobody answers there, or somebody else does."""
    if "health_url" not in beat:
        return None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # on loopback: no proxy is to be asked
    try:
        with opener.open(beat["health_url"], timeout=_ASK_SECONDS) as answer:
            document: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:  # 503: a document all the same
        with error:
            document = _parsed(error.read())
    except (OSError, ValueError):
        return None
    return document if (document.get("name"), document.get("pid")) == (name, beat["pid"]) else None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError:
        return {}
    return document
