"""What is remembered of scaling, and how people are told: `scaling/STREAM.json` in the state directory.

What it decided is in `desired.json`, among what people decided. Losing this file loses the history and what was learnt.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from iot_platform.lifecycle import write_if_possible
from iot_platform.settings import Settings
from iot_platform.supervision.slots import Desired, change_desired, read_desired, validators_wanted
from iot_platform.watch.scaling import words
from iot_platform.watch.scaling.known import Change, Memory, Policy
from iot_platform.watch.scaling.learning import changed

log = logging.getLogger(__name__)

PERSON = "a person"


@dataclass(frozen=True)
class Sample:
    """Counters of the machine and of the validators' processes at one moment, to tell shares from by the next."""

    at: datetime
    cpu_busy_seconds: float
    cpu_seconds: float
    busy_seconds: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """By validator: its process, and for how long that has worked."""


@dataclass(frozen=True)
class Record:
    """One stream: `why` is the last decision's sentence, of `at`."""

    memory: Memory = field(default_factory=Memory)
    at: datetime | None = None
    why: str = ""
    sample: Sample | None = None


def read_record(settings: Settings, stream: str) -> Record:
    """What is remembered; nothing where there is no file, or one of other times."""
    path = _path(settings, stream)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return Record()
    except msgspec.MsgspecError as error:
        log.warning("%s is begun anew: %s", path, error)
        return Record()


def write_record(settings: Settings, stream: str, record: Record) -> None:
    write_if_possible(_path(settings, stream), msgspec.json.encode(record).decode())


def want(settings: Settings, stream: str, number: int | None, policy: Policy, now: datetime) -> int:
    """A person's number, or with None no more of it; how many are wanted from now on."""
    before = validators_wanted(settings, read_desired(settings), stream)
    after = change_desired(settings, partial(_wanted_by_person, stream=stream, number=number, before=before))
    wanted = validators_wanted(settings, after, stream)
    if wanted != before:
        why = "by `iot-platform streams scale`"
        record = read_record(settings, stream)
        memory = changed(record.memory, Change(now, before, wanted, PERSON, why), policy)
        write_record(settings, stream, replace(record, memory=memory))
    return wanted


def _wanted_by_person(desired: Desired, stream: str, number: int | None, before: int) -> Desired:
    """Where the person's number goes, scaling goes on from it."""
    others = {name: wanted for name, wanted in desired.validators.items() if name != stream}
    if number is not None:
        return replace(desired, validators={**others, stream: number})
    return replace(desired, validators=others, scaled={**desired.scaled, stream: before})


def scaling_text(settings: Settings, desired: Desired, stream: str) -> str | None:
    """In one line how many there are and why, with the last change; None where neither lag nor a person decides."""
    options = settings.streams[stream]
    if options.validators_most is None and stream not in desired.validators:
        return None
    record, wanted = read_record(settings, stream), validators_wanted(settings, desired, stream)
    if stream in desired.validators:
        why = f"A person wants so many; `iot-platform streams scale {stream} --auto` ends that."
        return words.told(wanted, wanted, wanted, why, record.memory)
    why = record.why or "Nobody has looked at the lag yet."
    return words.told(wanted, options.validators_least, options.validators_most or wanted, why, record.memory)


def scaling_document(settings: Settings, desired: Desired, stream: str) -> dict[str, Any]:
    """What `streams scale STREAM --json` prints."""
    options, record = settings.streams[stream], read_record(settings, stream)
    return {
        "stream": stream,
        "wanted": validators_wanted(settings, desired, stream),
        "least": options.validators_least,
        "most": options.validators_most,
        "fixed": desired.validators.get(stream),
        "text": scaling_text(settings, desired, stream),
        "at": record.at and record.at.isoformat(),
        "rate_of_one": record.memory.rate,
        "changes": [
            {"at": one.at.isoformat(), "before": one.before, "after": one.after, "who": one.who, "why": one.why}
            for one in record.memory.changes
        ],
    }


def _path(settings: Settings, stream: str) -> Path:
    return settings.state_dir / "scaling" / f"{stream}.json"
