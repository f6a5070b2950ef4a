"""Which stream processes should run: kept on disk, outside of what runs, so that it outlives every crash.

A slot is one place for a process: the validator 0 of a stream, the producer of a stream. What is wanted follows from
the settings, unless somebody decided otherwise: `desired.json` in the state directory holds just such decisions.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from iot_platform.errors import DamagedError, UsageError
from iot_platform.lifecycle import write_atomically
from iot_platform.settings import Settings
from iot_platform.stream.places import fleet_name, producer_lease


class Role(StrEnum):
    PRODUCER = "producer"
    VALIDATOR = "validator"


class Draining(StrEnum):
    """What is not to run until the next `up`. Sources end first, so that the rest can work off what they sent."""

    NOTHING = "nothing"
    SOURCES = "sources"
    ALL = "all"


@dataclass(frozen=True, order=True)
class Slot:
    """One place for one process; `name` is also the name of its lease and of its heartbeat."""

    role: Role
    stream: str
    number: int = 0

    @property
    def name(self) -> str:
        """A stream's first producer goes without its number, as when there was but one."""
        numbered = self.role is Role.VALIDATOR or self.number
        return f"{self.role}-{self.stream}" + (f"-{self.number}" if numbered else "")

    def lease_path(self, settings: Settings) -> Path:
        """Whose lock tells whether the slot's process lives."""
        if self.role is Role.PRODUCER:
            return producer_lease(settings, self.stream, fleet_name(self.number))
        return settings.lease_dir / f"{self.name}.lock"


@dataclass(frozen=True)
class Hold:
    """A person stopped this slot: it stays off until somebody starts it again. `at` is RFC 3339."""

    at: str
    why: str


@dataclass(frozen=True)
class Desired:
    """What people decided."""

    draining: Draining = Draining.NOTHING
    validators: Mapping[str, int] = field(default_factory=dict)
    """By stream, how many validators a person wants instead of the settings' number."""
    scaled: Mapping[str, int] = field(default_factory=dict)
    """By stream, how many its lag wants; of consequence only within the settings' limits, and where there are any."""
    held: Mapping[str, Hold] = field(default_factory=dict)
    """By slot's name."""
    released: Mapping[str, str] = field(default_factory=dict)
    """By slot's name, when it was last started by hand (RFC 3339): runs that are older count no more."""

    def lets_run(self, slot: Slot, *, held: bool = True) -> bool:
        """Whether the slot's process may run; with `held=False`, whether it may when nobody holds it."""
        if self.draining is Draining.ALL or (self.draining is Draining.SOURCES and slot.role is Role.PRODUCER):
            return False
        return not (held and slot.name in self.held)

    def hold(self, slot: Slot, why: str, now: datetime) -> Desired:
        return replace(self, held={**self.held, slot.name: Hold(now.isoformat(), why)})

    def release(self, slot: Slot, now: datetime) -> Desired:
        held = {name: hold for name, hold in self.held.items() if name != slot.name}
        return replace(self, held=held, released={**self.released, slot.name: now.isoformat()})


def validators_wanted(settings: Settings, desired: Desired, stream: str) -> int:
    """What a person said; else what the lag wants, where the stream is scaled; else the settings' number."""
    options = settings.streams[stream]
    if stream in desired.validators:
        return desired.validators[stream]
    if options.validators_most is None:
        return options.validators
    least = options.validators_least
    return min(max(desired.scaled.get(stream, least), least), options.validators_most)


def all_slots(settings: Settings, desired: Desired) -> list[Slot]:
    """Every slot of this installation, whether held or not."""
    slots = [
        Slot(Role.VALIDATOR, stream, number)
        for stream in settings.streams
        for number in range(validators_wanted(settings, desired, stream))
    ]
    if settings.fleet.enabled:
        slots += [Slot(Role.PRODUCER, settings.fleet.stream, number) for number in range(settings.fleet.producers)]
    return slots


def find_slot(settings: Settings, name: str) -> Slot:
    """The slot of this name; UsageError names those that exist."""
    slots = {slot.name: slot for slot in all_slots(settings, read_desired(settings))}
    if name not in slots:
        raise UsageError(f"There is no '{name}' here.", next_step=f"There are: {', '.join(sorted(slots))}.")
    return slots[name]


def read_desired(settings: Settings) -> Desired:
    """What was decided; the default when nothing was. DamagedError for a file that somebody spoiled."""
    path = _path(settings)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        held = {name: Hold(**hold) for name, hold in document.pop("held").items()}
        return Desired(**{**document, "draining": Draining(document["draining"]), "held": held})
    except FileNotFoundError:
        return Desired()
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise DamagedError(
            f"{path} is not what `iot-platform` wrote there: {error}.",
            next_step="Remove the file: then the settings alone say what runs.",
        ) from error


def change_desired(settings: Settings, change: Callable[[Desired], Desired]) -> Desired:
    """Read, change and write, without another change between."""
    with _locked(_path(settings).with_suffix(".lock")):
        before = read_desired(settings)
        after = change(before)
        if after != before:
            write_atomically(_path(settings), json.dumps(asdict(after), indent=1))
    return after


def _path(settings: Settings) -> Path:
    return settings.state_dir / "desired.json"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
