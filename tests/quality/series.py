"""Readings of many sensors over time, as numbers, in a warehouse of our own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iot_platform.contract.catalogue import Catalogue
from iot_platform.quality.marts import build
from iot_platform.quality.tables import MARTS
from iot_platform.warehouse.marts import Connection
from iot_platform.warehouse.writer import LoadTransaction
from tests.quality.rows import CATALOGUES, STREAM, table

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One sensor: a value each `every` seconds from `start` on, accepted `delay` seconds after it was measured."""

    sensor_type: str
    values: Sequence[float] | Floats
    start: datetime
    every: float = 10.0
    delay: float | Floats = 0.5
    location: str = "hall"

    @property
    def accepted(self) -> list[datetime]:
        first = self.start.timestamp()
        return [datetime.fromtimestamp(first + k * self.every, UTC) for k in range(len(self.values))]

    @property
    def generated(self) -> list[datetime]:
        delays = np.broadcast_to(self.delay, len(self.values))
        return [moment - timedelta(seconds=float(late)) for moment, late in zip(self.accepted, delays, strict=True)]


def add(connection: Connection, sensors: Mapping[str, Series], stream: str = STREAM) -> None:
    """One load with all of them."""
    parts = [_rows(sensor_id, one) for sensor_id, one in sensors.items()]
    batch = pa.concat_tables(parts)
    batch = batch.append_column("kafka_offset", pa.array(range(batch.num_rows), pa.int64()))
    with LoadTransaction(connection, datetime(2026, 7, 2, tzinfo=UTC)) as transaction:
        transaction.add_readings(stream, batch, fill_location=True)


def _rows(sensor_id: str, one: Series) -> pa.Table:
    count = len(one.values)
    return pa.table(
        {
            "message_id": [str(uuid.uuid4()) for _ in range(count)],
            "sensor_id": [sensor_id] * count,
            "sensor_type": [one.sensor_type] * count,
            "generated_at": one.generated,
            "accepted_at": one.accepted,
            "value": pa.array([float(value) for value in one.values], pa.float64()),
            "unit": ["any"] * count,
            "location": [one.location] * count,
            "battery_level": pa.array([None] * count, pa.float64()),
            "signal_strength": pa.array([None] * count, pa.float64()),
            "schema_version": [1] * count,
            "extra": pa.array([None] * count, pa.string()),
            "repaired": pa.array([None] * count, pa.list_(pa.string())),
            "partition": pa.array([0] * count, pa.int32()),
        }
    )


def findings(
    connection: Connection, now: datetime, catalogues: Mapping[str, Catalogue] = CATALOGUES
) -> dict[str, set[str]]:
    """Sensor -> the rules that name it, after a build of all hours that are due."""
    for mart in ("sensor_values", "sensor_findings"):
        build(connection, MARTS[mart], now=now, catalogues=catalogues)
    found: dict[str, set[str]] = {}
    for row in table(connection, "sensor_findings"):
        found.setdefault(row["sensor_id"], set()).add(row["rule"])
    return found
