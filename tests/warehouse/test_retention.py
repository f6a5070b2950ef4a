"""Retention removes whole days of loading, and the audit still knows what they held."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.books import read_books
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.retention import remove_before
from iot_platform.warehouse.writer import LoadTransaction
from tests.support.loads import readings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path)


def test_days_before_the_limit_go_and_their_counts_stay(settings: Settings) -> None:
    with open_warehouse(settings) as connection:
        for day in (1, 2, 3):
            with LoadTransaction(connection, datetime(2026, 1, day, 23, 59, tzinfo=UTC)) as load:
                load.add_readings("s", readings(1, day), fill_location=True)
        assert remove_before(connection, date(2026, 1, 3)) == 2
        assert connection.execute("SELECT kafka_offset FROM readings").fetchall() == [(3,)]
        ranges = read_books(connection, "s").ranges
        assert [(one.loaded, one.there, one.offsets) for one in ranges] == [(1, 1, 1)] * 3
        assert remove_before(connection, date(2026, 1, 3)) == 0
