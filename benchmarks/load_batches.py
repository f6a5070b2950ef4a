"""What a row costs by the size of a load's transaction.

    python -m benchmarks.load_batches [--rows 200000] [--rounds 3]

Writes the same rows into one warehouse in transactions of different sizes, as the loader does (open, write, close).
Prints rows for each second of the processor's time, which other work on the machine changes little, and for each
second of the clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from iot_platform.clock import SystemClock
from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.writer import LoadTransaction
from tests.support.loads import STREAM, readings

SIZES = (12_500, 50_000, 200_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        settings = load_settings(state_dir=Path(directory))
        for number in range(given.rounds):
            for size in SIZES:
                cpu_seconds, seconds = loaded(settings, size, given.rows // size)
                rows = given.rows // size * size
                print(f"round {number + 1}, {size:>7,} rows at once: {rows / cpu_seconds:>9,.0f} rows for a second of "
                      f"processor, {rows / seconds:>9,.0f} rows a second", flush=True)  # fmt: skip


def loaded(settings: Settings, size: int, times: int) -> tuple[float, float]:
    """Seconds of the processor and of the clock that so many transactions take."""
    batch = readings(size)
    cpu, began = time.process_time(), time.monotonic()
    for _ in range(times):
        with open_warehouse(settings) as connection, LoadTransaction(connection, SystemClock().now()) as load:
            load.add_readings(STREAM, batch, fill_location=True)
    return time.process_time() - cpu, time.monotonic() - began


if __name__ == "__main__":
    main()
