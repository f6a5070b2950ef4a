"""Dead letters as people look at them, from the reader's copy: which there are, and one whole."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from iot_platform.contract.marking import marks
from iot_platform.contract.patches import When
from iot_platform.contract.topology import Topology
from iot_platform.errors import UnavailableError, UsageError
from iot_platform.settings import Settings
from iot_platform.warehouse.answers import opened
from iot_platform.warehouse.workbench import Connection, Row, Source, ask_letters

COPY = "warehouse.duckdb"
STATUSES = ("untouched", "in flight", "fixed", "duplicate", "dead again", "unrecoverable", "parked")
"""What has become of a dead letter: each has exactly one."""


@dataclass(frozen=True)
class Asked:
    """Which dead letters; empty or None asks for nothing. Times are of `accepted_at`; `until` is not included.

    `not_tried`: none that a patch of this digest could not mend.
    """

    stream: str
    when: When = field(default_factory=When)
    since: datetime | None = None
    until: datetime | None = None
    statuses: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    not_tried: str | None = None

    def named(self) -> Iterator[dict[str, Any]]:
        """The parameters of sql/workbench/letters.sql: one set, or one for each partition that is asked for."""
        unknown = set(self.statuses) - set(STATUSES)
        if unknown:
            raise UsageError(f"There is no status '{min(unknown)}'.", next_step=f"There are: {', '.join(STATUSES)}.")
        common = {
            "stream": self.stream, "since": self.since, "until": self.until, "not_tried": self.not_tried,
            "statuses": list(self.statuses) or None, "source_partition": None, "source_offsets": None,
            **asdict(self.when.check()),
        }  # fmt: skip
        for name in ("sensor", "location"):  # * and ? stand for any characters; GLOB knows brackets as well
            if common[name] is not None:
                common[name] = common[name].replace("\\", "\\\\").replace("[", "\\[")
        if not self.sources:
            yield common
        for partition in sorted({source.partition for source in self.sources}):
            offsets = [source.offset for source in self.sources if source.partition == partition]
            yield {**common, "source_partition": partition, "source_offsets": offsets}


@dataclass(frozen=True)
class Letter:
    """One dead letter; `source` is the place of its raw record, `place` where it went when it was sent again."""

    source_topic: str
    source_partition: int
    source_offset: int
    sensor_id: str | None
    codes: list[str]
    reasons: str
    attempts: int
    rule_version: str
    first_seen: datetime
    accepted_at: datetime
    key: bytes | None
    value: bytes | None
    headers: str
    status: str
    place: str | None
    patch: str | None
    note: str | None

    @classmethod
    def of(cls, row: Row) -> Letter:
        return cls(**{one.name: row[one.name] for one in fields(cls)})

    @property
    def at(self) -> Source:
        return Source(self.source_partition, self.source_offset)

    @property
    def source(self) -> str:
        return f"{self.source_topic}/{self.source_partition}/{self.source_offset}"

    @property
    def reason_list(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.reasons)
        return found

    @property
    def detail(self) -> str:
        return self.reason_list[0]["detail"] if self.reason_list else ""

    @property
    def original_headers(self) -> list[tuple[str, bytes | None]]:
        return [(name, None if value is None else base64.b64decode(value)) for name, value in json.loads(self.headers)]

    def as_document(self, *, whole: bool = False) -> dict[str, Any]:
        """For JSON. Bytes appear as text where they are UTF-8, and always as base64."""
        document: dict[str, Any] = {
            "source": self.source,
            "sensor_id": self.sensor_id,
            "status": self.status,
            "reasons": self.reason_list,
            "attempts": self.attempts,
            "rule_version": self.rule_version,
            "first_seen": self.first_seen.isoformat(),
            "accepted_at": self.accepted_at.isoformat(),
            "place": self.place,
            "patch": self.patch,
            "note": self.note,
        }
        if whole:
            places = [(reason["code"], reason["field"]) for reason in self.reason_list]
            document |= {
                "marks": [asdict(mark) for mark in marks(self.value, places)],
                "headers": json.loads(self.headers),
                "key": _text(self.key),
                "value": _text(self.value),
                "key_base64": _base64(self.key),
                "value_base64": _base64(self.value),
            }
        return document


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return repr(data)[2:-1]


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


@contextmanager
def published(settings: Settings) -> Iterator[Connection]:
    """The reader's copy, which blocks nobody. Raises UnavailableError before the first publication."""
    path = settings.published_dir / COPY
    if not path.exists():
        raise UnavailableError(
            "There is no reader's copy of the warehouse yet.",
            next_step="Run `iot-platform up`, or once `iot-platform load --until-caught-up`.",
        )
    with opened(path) as connection:
        yield connection


def count_letters(settings: Settings, asked: Asked) -> list[Row]:
    """How many there are by reason and status, the most first: code, status, dead_letters, sensors."""
    settings.stream(asked.stream)
    with published(settings) as connection:
        return [row for named in asked.named() for row in ask_letters(connection, "counts", named)]


def newest_letters(settings: Settings, asked: Asked, most: int) -> list[Letter]:
    settings.stream(asked.stream)
    with published(settings) as connection:
        rows = [row for named in asked.named() for row in ask_letters(connection, "newest", {**named, "most": most})]
    return [Letter.of(row) for row in rows]


def source_of(text: str, settings: Settings) -> tuple[str, Source]:
    """Stream and place in topic/partition/offset. Raises UsageError for anything else."""
    parts = text.rsplit("/", 2)
    streams = {Topology(stream).raw: stream for stream in settings.streams}
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts[1:]):
        raise UsageError(f"'{text}' is not topic/partition/offset.", next_step="Take one from `iot-platform dlq list`.")
    if parts[0] not in streams:
        raise UsageError(f"{parts[0]} is no raw topic here.", next_step=f"There are: {', '.join(sorted(streams))}.")
    return streams[parts[0]], Source(int(parts[1]), int(parts[2]))


def letter_from(settings: Settings, source: str) -> Letter:
    """The dead letter that came from `source`. Raises UsageError when there is none."""
    stream, place = source_of(source, settings)
    found = newest_letters(settings, Asked(stream, sources=(place,)), 1)
    if not found:
        raise UsageError(
            f"No dead letter came from {source}.",
            next_step="Take a source from `iot-platform dlq list`; the newest appear there within a minute.",
        )
    return found[0]
