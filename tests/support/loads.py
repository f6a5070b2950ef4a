"""Loads of our own making into a warehouse, without Kafka."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pyarrow as pa

from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.writer import LoadTransaction
from tests.support.readings import document

STREAM = "s"


def readings(count: int, first_offset: int = 0, location: str | None = "hall-1") -> pa.Table:
    """`count` readings as `columns.readings` makes them, from partition 0."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    reading = document(location=location)
    del reading["generated_at"], reading["message_id"], reading["location"]
    return pa.table(
        {
            **{name: [value] * count for name, value in reading.items()},
            "location": pa.array([location] * count, pa.string()),
            "message_id": [str(uuid.uuid4()) for _ in range(count)],
            "generated_at": [moment] * count,
            "accepted_at": [moment] * count,
            "extra": pa.array([None] * count, pa.string()),
            "repaired": pa.array([None] * count, pa.list_(pa.string())),
            "partition": pa.array([0] * count, pa.int32()),
            "kafka_offset": pa.array(range(first_offset, first_offset + count), pa.int64()),
        }
    )


def load_rows(settings: Settings, count: int, *, at: datetime, first_offset: int = 0) -> None:
    """One load of `count` readings at the moment `at`."""
    with open_warehouse(settings) as connection, LoadTransaction(connection, at) as load:
        load.add_readings(STREAM, readings(count, first_offset), fill_location=True)
