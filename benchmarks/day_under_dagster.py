"""A day of operation in fast motion: as many cycles as a day has minutes, one right after the other.

    .venv/bin/python -m benchmarks.day_under_dagster --cycles 1440 --out docs/benchmarks/day_under_dagster.tsv

Starts an installation of its own, with the stream running and every sensor ticking, and launches cycles as the sensor
`keep_loading` does, the next one waiting in the queue (the sensor alone would start one in 5 to 10 s: Dagster asks
sensors no more often). Samples every `--every` cycles: memory of daemon, webserver and code server, size of what
Dagster keeps, and the time of a cycle. What Dagster keeps is let go of after `--keep-minutes`, as it is after days in
earnest, so that a flat line can be seen within the run. Prints a table, and exit code 1 when the last third is not
flat: more than a quarter above the second.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import psutil

from iot_platform.clock import SystemClock
from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.orchestration.automation import CYCLE, PARTITION_FORMAT
from iot_platform.quality.hours import floor_hour
from iot_platform.supervision.status import directory_bytes
from iot_platform.supervision.supervisor import Supervisor
from tests.support.dagster_ui import Ui
from tests.support.installation import Installation

_FLAT = 1.25
_PROCESSES = ("daemon", "webserver", "code-server")
_OVER = ("SUCCESS", "FAILURE", "CANCELED")
_AHEAD = 2
"""Cycles under way or in the queue."""
_CYCLES = """
{ runsOrError(filter: {pipelineName: "load_and_refresh"}, limit: 50) { ... on Runs { results {
    runId status startTime endTime } } } }
"""


@dataclass(frozen=True)
class Sample:
    """Megabytes of memory and of disk, and the median seconds of the cycles since the last sample."""

    cycles: int
    minutes: float
    daemon_mb: float
    webserver_mb: float
    code_server_mb: float
    dagster_mb: float
    cycle_seconds: float


@contextmanager
def installation(directory: Path, rate: float, keep_minutes: float) -> Iterator[Installation]:
    made = Installation(
        directory,
        {
            "IOT_FLEET__RATE": str(rate),
            "IOT_STREAMS__AIR_QUALITY": "none",
            "IOT_DAGSTER__LOAD_INTERVAL_SECONDS": "60",
            "IOT_DAGSTER__RETENTION_DAYS": str(keep_minutes / 1440),
        },
        dagster=True,
    )
    made.run("up", "--detach")
    try:
        yield made
    finally:
        made.run("down")


def sample(made: Installation, cycles: int, started: float, seconds: list[float]) -> Sample:
    pids = {state.name: state.pid for state in Supervisor(made.settings).states()}
    memory = [psutil.Process(pids[name]).memory_info().rss / 1e6 for name in _PROCESSES]
    return Sample(
        cycles,
        round((time.monotonic() - started) / 60, 1),
        *[round(size, 1) for size in memory],
        dagster_mb=round(directory_bytes(made.settings.dagster_home) / 1e6, 1),
        cycle_seconds=round(statistics.median(seconds), 2),
    )


def samples(made: Installation, wanted: int, every: int) -> Iterator[Sample]:
    """Follow the cycles until there were `wanted`; an upkeep with each sample."""
    ui, started = Ui(made.settings), time.monotonic()
    seen: set[str] = set()
    seconds: list[float] = []
    while len(seen) < wanted:
        runs = ui.ask(_CYCLES)["runsOrError"]["results"]
        over = [run for run in runs if run["status"] in _OVER]
        for run in over:
            if run["runId"] not in seen:
                assert run["status"] == "SUCCESS", run
                seen.add(run["runId"])
                seconds.append(run["endTime"] - run["startTime"])
        if len(runs) - len(over) < _AHEAD:
            hour = floor_hour(SystemClock().now()).strftime(PARTITION_FORMAT)
            ui.launch(CYCLE, {}, {CYCLE_TAG: "true", "dagster/partition": hour})
        if len(seconds) >= every:
            ui.launch("upkeep", {})
            yield sample(made, len(seen), started, seconds)
            seconds = []
        time.sleep(1)


def grown(taken: list[Sample]) -> list[str]:
    """Names of figures whose median in the last third is clearly above that in the second."""
    third = len(taken) // 3
    if third == 0:
        return []
    found = []
    for position, field in enumerate(fields(Sample)):
        if field.name in ("cycles", "minutes"):
            continue
        values = [astuple(one)[position] for one in taken]
        before, after = statistics.median(values[third : 2 * third]), statistics.median(values[2 * third :])
        if after > before * _FLAT:
            found.append(f"{field.name}: {before} -> {after}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=1440)
    parser.add_argument("--every", type=int, default=40)
    parser.add_argument("--rate", type=float, default=100, help="messages a second")
    parser.add_argument("--keep-minutes", type=float, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `down` is called then too
    lines = ["\t".join(field.name for field in fields(Sample))]
    taken: list[Sample] = []
    print(lines[0], flush=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        installation(Path(directory), options.rate, options.keep_minutes) as made,
    ):
        for one in samples(made, options.cycles, options.every):
            taken.append(one)
            lines.append("\t".join(map(str, astuple(one))))
            print(lines[-1], flush=True)
        audit = made.json("audit")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = grown(taken)
    print(f"unaccounted {audit['unaccounted']}; " + ("; ".join(found) or "flat"))
    return 1 if found or audit["unaccounted"] else 0


if __name__ == "__main__":
    sys.exit(main())
