"""Memory, speed and restore of the two stores of accepted ids: python -m benchmarks.dedup_stores [--ids 1000000]

Each store runs in a process of its own. Ids come as ledger entries of 1,000, over a window of 72 h, as they do when a
validator starts; then batches of 1,000 new ids are looked up, with one repeat in a hundred. CPU seconds of all threads
are told: they depend less on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

_ENTRY = 1_000
_LOOKUPS = 100_000
_HOUR_MS = 3_600_000
_WINDOW_MS = 72 * _HOUR_MS
_START_MS = 1_800_000_000_000
_MB = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["memory", "rocksdb"], help="only this one, in this process")
    arguments = parser.parse_args()
    if arguments.store:
        measure(arguments.store, arguments.ids)
        return
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {arguments.ids:,} ids", flush=True)
    for store in ("memory", "rocksdb"):
        command = [sys.executable, "-m", "benchmarks.dedup_stores", "--store", store, "--ids", str(arguments.ids)]
        subprocess.run(command, check=True)


def measure(store: str, ids: int) -> None:
    from iot_platform.stream.dedup import DedupWindow, Position, Window  # noqa: PLC0415
    from iot_platform.stream.rocks import RocksWindow  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store"
        window: Window = DedupWindow(_WINDOW_MS) if store == "memory" else RocksWindow(path, _WINDOW_MS, "ledger")
        before = psutil.Process().memory_info().rss
        entries = ids // _ENTRY
        began = time.process_time()
        for number in range(entries):
            at_ms = _START_MS + _WINDOW_MS * number // entries
            window.accept_packed(os.urandom(_ENTRY * 24), at_ms, Position(number + 1, number))
        restored = time.process_time() - began
        looked_up = lookups(window)
        used = psutil.Process().memory_info().rss - before
        on_disk = sum(file.stat().st_size for file in path.rglob("*")) if path.exists() else 0
        print(
            f"{store}: restore {ids / restored:,.0f} ids, lookups {_LOOKUPS / looked_up:,.0f} a CPU second, memory "
            f"{used / _MB:,.0f} MB ({used / ids:.0f} bytes an id), disk {on_disk / _MB:,.0f} MB",
            flush=True,
        )
        window.close()


def lookups(window: object) -> float:
    """CPU seconds for all."""
    batches = [[os.urandom(16) for _ in range(_ENTRY)] for _ in range(_LOOKUPS // _ENTRY)]
    for batch in batches:
        batch[::100] = batch[1::100]
    fingerprints = [1] * _ENTRY
    began = time.process_time()
    for batch in batches:
        window.classify(batch, fingerprints)  # type: ignore[attr-defined]
    return time.process_time() - began


if __name__ == "__main__":
    main()
