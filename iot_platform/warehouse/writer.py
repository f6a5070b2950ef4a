"""What a load writes: rows, ledger and offsets, in one DuckDB transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from iot_platform.contract.ledger_rows import LedgerRow, coalesce
from iot_platform.errors import IntegrityError, OffsetsLostError
from iot_platform.warehouse.workbench import Decision, Known, add_decisions, add_known

Place = tuple[str, int]

_LEDGER_COLUMNS = (
    "stream, partition, first_offset, last_offset, valid, repaired, dead, duplicates, gaps, entries, "
    "rule_version, first_at, last_at, by_reason, duplicates_by_sensor"
)


def read_offsets(connection: duckdb.DuckDBPyConnection, topic_ids: Mapping[str, str]) -> dict[Place, int]:
    """Next offset by topic and partition, for the topics asked.

    Raises OffsetsLostError when a topic is not the one that was loaded before, but a new one of the same name.
    """
    offsets: dict[Place, int] = {}
    for topic, partition, next_offset, topic_id in connection.execute(
        "SELECT topic, partition, next_offset, topic_id FROM topic_offsets"
    ).fetchall():
        if topic not in topic_ids:
            continue
        if topic_id != topic_ids[topic]:
            raise OffsetsLostError(
                f"Topic {topic} was made anew since it was last loaded: its offsets mean other records now.",
                next_step="Move the warehouse aside (its rows stay readable there), or use another stream name.",
            )
        offsets[(topic, partition)] = next_offset
    return offsets


class LoadTransaction:
    """One load: begin, rows, offsets, commit. Nothing is visible before the commit; leave it to undo it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, loaded_at: datetime) -> None:
        self._connection = connection
        self._loaded_at = loaded_at
        self._load_id = 0

    def __enter__(self) -> LoadTransaction:
        self._connection.begin()
        (self._load_id,) = self._connection.execute("SELECT nextval('load_ids')").fetchone() or (0,)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()

    def add_readings(self, stream: str, batch: pa.Table, *, fill_location: bool) -> None:
        """`batch` as `columns.readings` makes it.

        With `fill_location`, a null location becomes the sensor's last known one, flagged.
        """
        self._connection.register("batch", batch)
        complete = batch.column("location").null_count == 0
        location = _FILLED_LOCATION if fill_location and not complete else "location"
        self._connection.execute(
            _ADD_READINGS.format(location=location, flagged="batch.location IS NULL" if fill_location else "false"),
            self._named(stream),
        )
        self._connection.execute(_REMEMBER_SENSORS, {"stream": stream})
        self._count_rows(stream, "readings")
        self._connection.unregister("batch")

    def add_dead_letters(self, stream: str, batch: pa.Table) -> None:
        self._connection.register("batch", batch)
        self._connection.execute(_ADD_DEAD_LETTERS, self._named(stream))
        self._count_rows(stream, "dead_letters")
        self._connection.unregister("batch")

    def add_redriven(self, stream: str, known: Sequence[Known], exhausted: Sequence[Decision]) -> None:
        """What became of records that were sent again, and which of them are not to be sent any more."""
        add_known(self._connection, stream, known, self._loaded_at)
        add_decisions(self._connection, stream, exhausted, self._loaded_at)

    def _named(self, stream: str) -> dict[str, Any]:
        return {"stream": stream, "load_id": self._load_id, "loaded_at": self._loaded_at}

    def _count_rows(self, stream: str, table: str) -> None:
        named = {"stream": stream, "table_name": table, "loaded_on": self._loaded_at.date()}
        self._connection.execute(_COUNT_ROWS, named)

    def add_ledger(self, stream: str, rows: Sequence[LedgerRow]) -> None:
        """Put entries behind those there are; a row that the first of them joins is replaced by the longer one."""
        last = {row.partition: row for row in self._last_rows(stream)}
        merged = coalesce([*last.values(), *rows])
        for partition in {row.partition for row in rows} & last.keys():
            self._connection.execute(
                "DELETE FROM ledger WHERE stream = ? AND partition = ? AND first_offset = ?",
                [stream, partition, last[partition].first_offset],
            )
        touched = {row.partition for row in rows}
        marks = ", ".join("?" * len(_LEDGER_COLUMNS.split(", ")))
        self._connection.executemany(
            f"INSERT INTO ledger ({_LEDGER_COLUMNS}, load_id) VALUES ({marks}, ?)",  # noqa: S608 - constants of this file
            [[*_ledger_values(row), self._load_id] for row in merged if row.partition in touched],
        )

    def _last_rows(self, stream: str) -> Iterable[LedgerRow]:
        cells: tuple[Any, ...]
        for cells in self._connection.execute(_LAST_LEDGER_ROWS.format(columns=_LEDGER_COLUMNS), [stream]).fetchall():
            *plain, by_reason, by_sensor = cells
            yield _ledger_row(plain, by_reason, by_sensor)

    def advance(
        self, topic_ids: Mapping[str, str], before: Mapping[Place, int | None], after: Mapping[Place, int]
    ) -> None:
        """Move the offsets from `before` (None: there is none yet) to `after`.

        Raises IntegrityError when another loader moved them meanwhile: two must never load the same records.
        """
        stored = read_offsets(self._connection, topic_ids)
        for place, offset in after.items():
            if stored.get(place, before[place]) != before[place]:
                raise IntegrityError(
                    f"{place[0]}/{place[1]} stands at {stored[place]}, not at {before[place]}: another loader ran.",
                    next_step="Let one loader run; this load was undone and nothing is doubled.",
                )
            self._connection.execute(
                "INSERT OR REPLACE INTO topic_offsets (topic, partition, next_offset, topic_id) VALUES (?, ?, ?, ?)",
                [*place, offset, topic_ids[place[0]]],
            )


def _ledger_row(plain: Sequence[Any], by_reason: str, by_sensor: str) -> LedgerRow:
    counts = {"by_reason": json.loads(by_reason), "duplicates_by_sensor": json.loads(by_sensor)}
    return LedgerRow(**dict(zip(_LEDGER_COLUMNS.split(", "), plain, strict=False)), **counts)


def _ledger_values(row: LedgerRow) -> list[Any]:
    return [
        row.stream, row.partition, row.first_offset, row.last_offset, row.valid, row.repaired, row.dead,
        row.duplicates, row.gaps, row.entries, row.rule_version, row.first_at, row.last_at,
        json.dumps(row.by_reason), json.dumps(row.duplicates_by_sensor),
    ]  # fmt: skip


_FILLED_LOCATION = """coalesce(
    location,
    last_value(location IGNORE NULLS) OVER (
        PARTITION BY sensor_id ORDER BY partition, kafka_offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ),
    (SELECT last_location FROM sensors WHERE sensors.stream = $stream AND sensors.sensor_id = batch.sensor_id)
)"""

_ADD_READINGS = """
INSERT INTO readings BY NAME
SELECT $stream AS stream, message_id::UUID AS message_id, sensor_id, sensor_type, generated_at, accepted_at, value,
       unit, {location} AS location, {flagged} AS location_filled, battery_level, signal_strength,
       schema_version, extra::JSON AS extra, repaired, partition, kafka_offset,
       $load_id AS load_id, $loaded_at AS loaded_at
FROM batch
"""

_REMEMBER_SENSORS = """
INSERT INTO sensors (stream, sensor_id, last_location, last_seen)
SELECT $stream, sensor_id, arg_max(location, (partition, kafka_offset)) FILTER (location IS NOT NULL), max(accepted_at)
FROM batch
GROUP BY sensor_id
ON CONFLICT (stream, sensor_id) DO UPDATE SET
    last_location = coalesce(excluded.last_location, last_location),
    last_seen = greatest(excluded.last_seen, last_seen)
"""

_ADD_DEAD_LETTERS = """
INSERT INTO dead_letters BY NAME
SELECT $stream AS stream, batch.* REPLACE (reasons::JSON AS reasons, headers::JSON AS headers),
       $load_id AS load_id, $loaded_at AS loaded_at
FROM batch
"""

_COUNT_ROWS = """
INSERT INTO load_ranges (stream, table_name, partition, loaded_on, first_offset, last_offset, row_count)
SELECT $stream, $table_name, partition, $loaded_on, min(kafka_offset), max(kafka_offset), count(*)
FROM batch
GROUP BY partition
ON CONFLICT (stream, table_name, partition, loaded_on) DO UPDATE SET
    last_offset = excluded.last_offset,
    row_count = row_count + excluded.row_count
"""

_LAST_LEDGER_ROWS = """
SELECT {columns} FROM ledger WHERE stream = ?
QUALIFY row_number() OVER (PARTITION BY partition ORDER BY last_offset DESC) = 1
"""
