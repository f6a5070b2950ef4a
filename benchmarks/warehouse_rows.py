"""What a row costs the warehouse, without Kafka: python -m benchmarks.warehouse_rows [--rows 500000]

Validated readings of 10,000 sensors become Arrow tables and go into DuckDB as the loader does it, 50,000 in a
transaction. Prints CPU and bytes a row; CPU seconds depend little on what else the machine does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from iot_platform.clock import SystemClock
from iot_platform.pipeline import columns
from iot_platform.planning.feed import Feed
from iot_platform.settings import load_settings
from iot_platform.stream.sources.base import Reading
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.size import used_bytes
from iot_platform.warehouse.writer import LoadTransaction

_BATCH = 50_000


@dataclass(frozen=True)
class Validated:
    """A record of the validated topic, as the loader sees it."""

    given: Reading
    at: int

    def value(self) -> bytes | None:
        return self.given.value

    def key(self) -> bytes | None:
        return self.given.key

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, self.given.accepted_at_ms

    def partition(self) -> int:
        return self.at % 3

    def offset(self) -> int:
        return self.at // 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    rows = parser.parse_args().rows
    feed, clock = Feed(10_000, None, SystemClock()), SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(state_dir=Path(folder))
        empty, cpu = used_bytes(settings), 0.0
        for first in range(0, rows, _BATCH):
            batch = [Validated(one, first + place) for place, one in enumerate(feed.batch(_BATCH).readings)]
            began = time.process_time()
            with open_warehouse(settings) as connection, LoadTransaction(connection, clock.now()) as transaction:
                transaction.add_readings("iot_data", columns.readings(batch), fill_location=True)
            cpu += time.process_time() - began
        each = (used_bytes(settings) - empty) / rows
        print(f"{1e6 * cpu / rows:.2f} us of CPU and {each:.1f} bytes a row ({rows:,} rows)")


if __name__ == "__main__":
    main()
