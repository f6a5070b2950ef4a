"""A capacity plan beside what then was: a million distinct sensors over 100 partitions, at a rate that two cores carry.

    python -m benchmarks.plan_check [--rate 2000] [--measure]

Plans for one validator, one producer and one broker, runs just that, and prints both beside each other: CPU of each
process, bytes on disk, network (with `ss`), memory. Each sensor reports at least once, and the warehouse is asked
whether it has them all. Exit code 1 when a figure is more than 25 % off. `--measure` first measures the rates on this
machine; else those of `--rates` count, or the built-in ones. Wants a machine with nothing else to do: at 2,000 a second
about 10 minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from iot_platform.clock import SystemClock
from iot_platform.planning.files import Found, case_of, read_rates
from iot_platform.planning.fitting import Run
from iot_platform.planning.inputs import Origin
from iot_platform.planning.measure import Trial, machine, measure, own_broker
from iot_platform.planning.plan import Plan, plan_of
from iot_platform.planning.quantities import amount
from iot_platform.planning.saving import as_found, rates_file
from iot_platform.planning.stages import CLI, run_alone
from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.connection import open_warehouse

_OFF = 0.25
_DISTINCT = (
    "SELECT count(DISTINCT sensor_id) FROM (SELECT sensor_id FROM readings UNION SELECT sensor_id FROM dead_letters)"
)
_STREAM = "million"
_WINDOW_SLACK = 13 / 12
_MORE_SECONDS = 20.0


@dataclass(frozen=True)
class Compared:
    what: str
    unit: str
    planned: float
    seen: float

    @property
    def off(self) -> float:
        return self.planned / self.seen - 1 if self.seen else 0.0

    def __str__(self) -> str:
        planned, seen = amount(self.planned, self.unit), amount(self.seen, self.unit)
        return f"{self.what:<28} {planned:>14} {seen:>14} {100 * self.off:>+7.0f} %"


def plan_for(found: Found, run: Run, sensors: int, minutes: float) -> Plan:
    """Of what ran: the load as it was, one of each process, ids for as long as they were gathered."""
    given = {
        "devices": float(sensors),
        "readings_each_per_second": run.readings / run.seconds / sensors,
        "dead_share": run.topics["dead"].records / run.readings,
        "partitions": float(run.partitions),
        "validators": 1.0,
        "producers": 1.0,
        "replicas": 1.0,
        "window_hours": minutes / 60 / _WINDOW_SLACK,
    }
    return plan_of(case_of(Found(given, dict.fromkeys(given, Origin("given", "as it ran"))).over(found)))


def compared(plan: Plan, run: Run) -> Iterator[Compared]:
    names = {"producers": "producer", "validators": "validator", "loader": "loader", "brokers": "broker"}
    for line, name in names.items():
        yield Compared(f"CPU of {name}", "cores", plan.value(f"{line}_cpu"), run.cpu[name] / run.seconds)
    all_planned = sum(plan.value(f"{line}_cpu") for line in names)
    yield Compared("CPU in all", "cores", all_planned, sum(run.cpu.values()) / run.seconds)
    for topic, seen in run.topics.items():
        stored = (seen.record_bytes + seen.marker_bytes) / run.seconds
        yield Compared(f"disk of {topic}", "bytes/s", plan.value(f"{topic}_written"), stored)
    in_all = sum(plan.value(f"{topic}_written") for topic in run.topics)
    yield Compared("disk in all", "bytes/s", in_all, run.bytes / run.seconds)
    if run.network is not None:
        for way, network in zip(("in", "out"), run.network, strict=True):
            yield Compared(f"network {way}", "bytes/s", plan.value(f"network_{way}"), network / run.seconds)
    for line, name in names.items():
        yield Compared(f"memory of {name}", "bytes", plan.value(f"{line}_memory"), float(run.memory[name]))


def distinct_sensors(settings: Settings) -> int:
    """In the warehouse, once all is there. A sensor whose only reading was dead counts too."""
    run_alone(settings, CLI, "validate", "--stream", _STREAM, "--until-caught-up")
    run_alone(settings, CLI, "load", "--until-caught-up")
    with open_warehouse(settings, read_only=True) as connection:
        ((found,),) = connection.execute(_DISTINCT).fetchall()
    return int(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sensors", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=100)
    parser.add_argument("--rate", type=float, default=2_000.0)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--rates", type=Path)
    parser.add_argument("--save", type=Path, help="with --measure: keep the rates here")
    options = parser.parse_args()
    clock, cache_dir = SystemClock(), load_settings().cache_dir
    found = read_rates(options.rates)
    if options.measure:
        told = (clock.now().date(), "iot-platform plan --measure", machine())
        rates = measure(cache_dir, clock, Trial(), tell)
        found = as_found(rates, *told).over(found)
        if options.save:
            options.save.write_text(rates_file(rates, *told), encoding="utf-8")
    seconds = options.sensors / options.rate + _MORE_SECONDS
    trial = replace(Trial(), seconds=seconds, rate=options.rate, sensors=options.sensors)
    with own_broker(cache_dir, tell) as lab:
        tell(f"{options.sensors:,} sensors, {options.rate:,.0f} readings a second, {options.partitions} partitions …")
        run = lab.steady(_STREAM, options.partitions, trial, clock)
        distinct = distinct_sensors(lab.stream(_STREAM, options.partitions))
    rows = list(compared(plan_for(found, run, options.sensors, seconds / 60), run))
    rate = run.readings / run.seconds
    print(f"{distinct:,} distinct sensors in the warehouse; {rate:,.0f} readings a second for {run.seconds:.0f} s")
    print(f"{'':<28} {'planned':>14} {'seen':>14} {'off':>9}")
    print(*rows, sep="\n")
    off = [row.what for row in rows if abs(row.off) > _OFF]
    print(f"more than {100 * _OFF:.0f} % off: {', '.join(off)}" if off else f"all within {100 * _OFF:.0f} %")
    return 1 if off or distinct != options.sensors else 0


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
