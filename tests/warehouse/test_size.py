"""The size of the warehouse grows with what is in it."""

from __future__ import annotations

from pathlib import Path

from iot_platform.settings import load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.size import used_bytes


def test_used_bytes_grow_by_what_was_written_and_count_no_freed_block(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path)
    empty = used_bytes(settings)
    with open_warehouse(settings) as connection:
        connection.execute("CREATE TABLE noise AS SELECT random() AS number FROM range(1_000_000)")
    full = used_bytes(settings)
    assert full - empty > 6_000_000
    with open_warehouse(settings) as connection:
        connection.execute("DROP TABLE noise")
    assert used_bytes(settings) < full - 6_000_000
