"""What alerts remember, in a DuckDB file of their own: incidents, notices, deliveries. Rows in, rows out."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from iot_platform.errors import DamagedError, WarehouseBusyError
from iot_platform.settings import Settings
from iot_platform.warehouse.scripts import SQL_DIRECTORY

log = logging.getLogger(__name__)

_BUSY_SECONDS = 5.0  # readers have it for milliseconds
_FIRST_WAIT_SECONDS = 0.01
_LONGEST_WAIT_SECONDS = 0.2
_CONFIG: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "256MB", "threads": 1}
_INCIDENT = (
    "rule, subject, level, title, what_to_do, text, kind, signal, source, "
    "since, fired_at, noticed_at, reminders, well_since, resolved_at, "
    "stream, runbook, also, covered_by, covered_at, silenced, untold, acknowledged"
)

Row = dict[str, Any]


@dataclass(frozen=True)
class NewNotice:
    """A notice to be kept, with the channels it is to go to: (number, scheme)."""

    event: str
    at: datetime
    subject: str
    incident_json: str
    channels: Sequence[tuple[int, str]]


class AlertBook:
    """The book, open. Make it with `open_alert_book`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def open_incidents(self) -> list[Row]:
        """Those that are not resolved, pending ones too."""
        return self._rows(f"SELECT {_INCIDENT} FROM incidents WHERE resolved_at IS NULL ORDER BY rule, subject")  # noqa: S608 - a constant

    def record(
        self, gone: Iterable[tuple[str, str]], incidents: Iterable[Mapping[str, Any]], notices: Iterable[NewNotice]
    ) -> list[int]:
        """In one transaction: remove the open incidents `gone` (rule, subject), write `incidents` in place of what was
        there, and keep `notices`, whose ids are returned."""
        with self._transaction():
            for row in incidents:
                self._remove_open(row["rule"], row["subject"])
                names = _INCIDENT.split(", ")
                marks = ", ".join("?" * len(names))
                self._connection.execute(
                    f"INSERT INTO incidents ({_INCIDENT}) VALUES ({marks})",  # noqa: S608 - constants
                    [row[name] for name in names],
                )
            for rule, subject in gone:
                self._remove_open(rule, subject)
            return [self._keep(notice) for notice in notices]

    def due(self, now: datetime) -> list[Row]:
        """To try now, oldest first: notice_id, channel, scheme, attempts, event, told_at, incident (JSON)."""
        return self._rows(_DUE, {"now": now})

    def settle(self, deliveries: Iterable[Mapping[str, Any]]) -> None:
        """Note what became of deliveries: notice_id, channel, outcome, attempts, next_at, detail."""
        with self._transaction():
            for row in deliveries:
                self._connection.execute(_SETTLE, dict(row))

    def remove_before(self, told: datetime, over: datetime | None) -> None:
        """Remove notices told and silences over before `told`, and incidents over before `over` (None: none)."""
        named = {"told": told, "over": over}
        if not self._rows(_ANY_OLD, named):
            return  # an empty DELETE would write all the same
        with self._transaction():
            for statement in _REMOVE_OLD:
                self._connection.execute(statement, {name: at for name, at in named.items() if f"${name}" in statement})

    def recent_notices(self, limit: int) -> list[Row]:
        """The newest first: notice_id, event, told_at, subject, incident (JSON), deliveries (list of structs)."""
        return self._rows(_RECENT, [limit])

    def silences(self, now: datetime) -> list[Row]:
        """Those that are not over, the last to end last."""
        return self._rows(_SILENCES, {"now": now})

    def add_silence(self, silence: Mapping[str, Any]) -> None:
        """Keep one; of the same rule and subject it takes the place of what is not over yet."""
        with self._transaction():
            self._connection.execute(_END_SILENCES, {name: silence[name] for name in ("rule", "subject", "made_at")})
            self._connection.execute(_ADD_SILENCE, dict(silence))

    def end_silences(self, rule: str, subject: str, now: datetime) -> int:
        """End those of exactly this rule and subject; how many there were."""
        with self._transaction():
            ended = self._rows(_END_SILENCES, {"rule": rule, "subject": subject, "made_at": now})
        return len(ended)

    def acknowledge(self, rule: str, subject: str, words: str) -> int:
        """Note on what fires of a rule (* = all), or of one subject, who looks after it; how many there are."""
        with self._transaction():
            return len(self._rows(_ACKNOWLEDGE, {"rule": rule, "subject": subject, "words": words}))

    def history(self, since: datetime, limit: int) -> list[Row]:
        """Incidents that fired and were not over before `since`, the last to fire first."""
        return self._rows(_HISTORY, {"since": since, "limit": limit})

    def fired_between(self, start: datetime, end: datetime) -> list[Row]:
        """Incidents that fired before `end` and were not resolved before `start`, the first to fire first."""
        return self._rows(_FIRED, {"start": start, "end": end})

    def _remove_open(self, rule: str, subject: str) -> None:
        self._connection.execute(
            "DELETE FROM incidents WHERE rule = ? AND subject = ? AND resolved_at IS NULL", [rule, subject]
        )

    def _keep(self, notice: NewNotice) -> int:
        ((notice_id,),) = self._connection.execute("SELECT nextval('notice_ids')").fetchall()
        self._connection.execute(
            "INSERT INTO notices VALUES (?, ?, ?, ?, ?)",
            [notice_id, notice.event, notice.at, notice.subject, notice.incident_json],
        )
        for number, scheme in notice.channels:
            self._connection.execute(
                "INSERT INTO deliveries VALUES (?, ?, ?, 'pending', 0, ?, '')", [notice_id, number, scheme, notice.at]
            )
        return int(notice_id)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _rows(self, sql: str, parameters: Any = None) -> list[Row]:
        result = self._connection.execute(sql, parameters)
        names = [str(column[0]) for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@contextmanager
def open_alert_book(settings: Settings) -> Iterator[AlertBook]:
    """The book for the length of the block; made where there is none. Readers open it as writers do: each has it for
    milliseconds, and the next one waits.

    Raises WarehouseBusyError when another process keeps it, DamagedError when DuckDB refuses the file.
    """
    path = settings.alert_book_path
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        _prepare(connection)
        yield AlertBook(connection)
    finally:
        connection.close()


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + _BUSY_SECONDS
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            return duckdb.connect(str(path), config=_CONFIG)
        except (duckdb.IOException, duckdb.SerializationException) as error:
            if "lock" not in str(error):
                _set_aside(path, error)
            elif time.monotonic() > deadline:
                raise WarehouseBusyError(
                    f"The book of alerts {path} has been held by another process for over {_BUSY_SECONDS:g} s.",
                    next_step="Close what holds it; `iot-platform alerts list` has it for a moment only.",
                ) from error
        time.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        wait = min(_LONGEST_WAIT_SECONDS, wait * 2)


def _set_aside(path: Path, error: duckdb.Error) -> None:
    """Begin a new book where the file is no DuckDB file any more: an alert told twice is better than none at all."""
    if "not a valid DuckDB database file" not in str(error):
        raise DamagedError(
            f"DuckDB refuses the book of alerts {path}: {error}",
            next_step="Move the file aside: a new one is made, and what is wrong fires again.",
        ) from error
    aside = path.with_name(path.name + ".damaged")
    log.error("the book of alerts %s is damaged: kept as %s, and begun anew", path, aside.name)
    path.replace(aside)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply the scripts that are missing, each in a transaction."""
    connection.execute("CREATE TABLE IF NOT EXISTS scripts (name VARCHAR NOT NULL)")
    applied = {name for (name,) in connection.execute("SELECT name FROM scripts").fetchall()}
    for script in sorted((SQL_DIRECTORY / "alert_book").glob("[0-9][0-9][0-9][0-9]_*.sql")):
        if script.name not in applied:
            connection.begin()
            connection.execute(script.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO scripts VALUES (?)", [script.name])
            connection.commit()


_DUE = """
SELECT d.notice_id, d.channel, d.scheme, d.attempts, n.event, n.told_at, n.incident::VARCHAR AS incident
FROM deliveries d JOIN notices n USING (notice_id)
WHERE d.outcome = 'pending'
  -- No wait after so many attempts is longer (retry_at): a later moment was set by a clock that was ahead.
  AND (d.attempts <= 1 OR d.next_at <= $now OR d.next_at > $now + to_seconds(least(14400, 30 * pow(4, d.attempts - 2))))
ORDER BY d.notice_id, d.channel
"""

_SETTLE = """
UPDATE deliveries SET outcome = $outcome, attempts = $attempts, next_at = $next_at, detail = $detail
WHERE notice_id = $notice_id AND channel = $channel
"""

_SILENCES = """
SELECT rule, subject, made_at, until, made_by, because FROM silences WHERE until > $now ORDER BY until, rule, subject
"""

_ADD_SILENCE = (
    "INSERT INTO silences BY NAME SELECT $rule AS rule, $subject AS subject, $made_at AS made_at, "
    "$until AS until, $made_by AS made_by, $because AS because"
)

_END_SILENCES = """
UPDATE silences SET until = $made_at WHERE rule = $rule AND subject = $subject AND until > $made_at RETURNING rule
"""

_ACKNOWLEDGE = """
UPDATE incidents SET acknowledged = $words
WHERE $rule IN ('*', rule) AND ($subject = '' OR subject = $subject)
  AND fired_at IS NOT NULL AND resolved_at IS NULL
RETURNING subject
"""

_HISTORY = """
SELECT rule, subject, level, title, text, since, fired_at, resolved_at, reminders, also, silenced, covered_by,
       acknowledged
FROM incidents WHERE fired_at IS NOT NULL AND (resolved_at IS NULL OR resolved_at >= $since)
ORDER BY fired_at DESC, rule, subject LIMIT $limit
"""

_ANY_OLD = """
SELECT 1 FROM incidents WHERE resolved_at < $over::TIMESTAMPTZ
UNION ALL SELECT 1 FROM silences WHERE until < $told
UNION ALL SELECT 1 FROM notices WHERE told_at < $told LIMIT 1
"""

_REMOVE_OLD = (
    "DELETE FROM incidents WHERE resolved_at < $over::TIMESTAMPTZ",
    "DELETE FROM silences WHERE until < $told",
    "DELETE FROM notices WHERE told_at < $told",
    "DELETE FROM deliveries WHERE notice_id NOT IN (SELECT notice_id FROM notices)",
)

_FIRED = """
SELECT rule, subject, level, title, text, what_to_do, fired_at, resolved_at, reminders, signal, stream
FROM incidents
WHERE fired_at < $end AND (resolved_at IS NULL OR resolved_at >= $start)
ORDER BY fired_at, rule, subject
"""

_RECENT = """
SELECT notice_id, event, told_at, subject, incident::VARCHAR AS incident,
       coalesce((SELECT list(struct_pack(channel, scheme, outcome, attempts, detail) ORDER BY channel)
                 FROM deliveries d WHERE d.notice_id = n.notice_id), []) AS deliveries
FROM notices n ORDER BY notice_id DESC LIMIT ?
"""
