"""Measures rates in a short real run: a Kafka of its own, a feed, a validator and the loader, each a process."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from iot_platform.broker.node import LocalBroker
from iot_platform.broker.segments import Written, written
from iot_platform.clock import Clock, SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.drills.installation import own_directory, own_installation, own_kafka
from iot_platform.errors import KafkaUnavailableError, UnavailableError
from iot_platform.planning.fitting import Backlog, Run, rates_of
from iot_platform.planning.stages import (
    CLI,
    FEED,
    Stage,
    beat_of,
    cpu_of,
    memory_of,
    network_of,
    run_alone,
    running,
    size_of,
)
from iot_platform.settings import DagsterSettings, Settings, StreamSettings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from iot_platform.stream.topics import ensure_topics
from iot_platform.warehouse.size import used_bytes

Tell = Callable[[str], None]

_WARM_READINGS = 20_000
"""Java compiles what runs often: the first readings of a broker cost several times the later ones."""
_READY_SECONDS = 300.0
_POLL_SECONDS = 0.2
_KEPT_UP = 0.8
"""Of the readings that were due: with less the producer did not get along."""
_TOLD_EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class Trial:
    """`seconds` of each of two runs at `rate` over `few` and `many` partitions; then `readings` at full speed."""

    seconds: float = 30.0
    rate: float = 1_000.0
    readings: int = 200_000
    few: int = 4
    many: int = 64
    least_transactions: float = 2.0
    """A second: with fewer the machine is so busy that what is measured is the waiting for it."""
    sensors: int = 10_000


def machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"


def measure(cache_dir: Path, clock: Clock, trial: Trial, tell: Tell) -> dict[str, float]:
    """Rates by name, without those of the stores of ids. Raises UnavailableError when a stage fails."""
    with own_broker(cache_dir, tell) as lab:
        tell(f"Warming up with {_WARM_READINGS:,} readings …")
        lab.backlog("warm", trial.few, trial.sensors, _WARM_READINGS)
        runs = []
        for partitions in (trial.few, trial.many):
            tell(f"{trial.rate:,.0f} readings a second over {partitions} partitions for {trial.seconds:.0f} s …")
            runs.append(lab.steady(f"steady_{partitions}", partitions, trial, clock))
        tell(f"{trial.readings:,} readings as fast as it goes, stage by stage …")
        return rates_of(runs[0], runs[1], lab.backlog("full", trial.few, trial.sensors, trial.readings))


@contextmanager
def own_broker(cache_dir: Path, tell: Tell) -> Iterator[Lab]:
    """An installation with nothing but a broker; removed after the block."""
    directory = own_directory("plan")
    settings = Settings.model_construct(
        instance="plan",
        state_dir=directory / "state",
        cache_dir=cache_dir,
        kafka=own_kafka(1),
        streams={},
        dagster=DagsterSettings(enabled=False),
    )
    broker = LocalBroker(settings)
    with own_installation(settings, tell, keep=False):
        tell(f"Starting Kafka at {settings.bootstrap_servers} …")
        broker.start()
        try:
            broker.wait_ready(lambda: is_reachable(Clients(settings)), _READY_SECONDS)
            yield Lab(settings, broker, tell)
        finally:
            broker.kill()  # its data goes with it: nothing is to be saved


class Lab:
    """Runs on one broker, each with a stream of its own."""

    def __init__(self, settings: Settings, broker: LocalBroker, tell: Tell) -> None:
        self._settings = settings
        self._broker = broker
        self._tell = tell

    def stream(self, name: str, partitions: int) -> Settings:
        """Settings with just this stream, whose topics are there."""
        made = self._settings.model_copy(update={"streams": {name: StreamSettings(partitions=partitions)}})
        (made.heartbeat_dir / "loader.json").unlink(missing_ok=True)  # of the run before
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                ensure_topics(Clients(made), made, name)
            except KafkaUnavailableError:  # a broker that has just got many partitions may be long in leading them
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return made

    def steady(self, name: str, partitions: int, trial: Trial, clock: Clock) -> Run:
        """All stages at once, at a rate that they carry."""
        settings = self.stream(name, partitions)
        feed = ("--stream", name, "--sensors", str(trial.sensors), "--rate", str(trial.rate))
        with running(
            Stage(settings, FEED, *feed),
            Stage(settings, CLI, "validate", "--stream", name),
            Stage(settings, CLI, "load"),
        ) as stages:
            self._await(lambda: _loaded(settings) > 0, stages)
            pids = dict(zip(("producer", "validator", "loader"), (stage.pid for stage in stages), strict=True))
            before = self.look(settings, name, pids)
            self._last(trial.seconds, clock, stages)
            run = self.look(settings, name, pids).since(before, partitions)
        _kept_up(run, trial)
        return run

    def backlog(self, name: str, partitions: int, sensors: int, readings: int) -> Backlog:
        """Stage by stage as fast as it goes; what their starts cost is known from runs with next to nothing to do."""
        settings = self.stream(name, partitions)
        given = ("--stream", name, "--sensors", str(sensors), "--count")
        commands: Mapping[str, tuple[str, ...]] = {
            "producer": (FEED, *given, str(readings)),
            "validator": (CLI, "validate", "--stream", name, "--until-caught-up"),
            "loader": (CLI, "load", "--until-caught-up"),
        }
        idle = {**commands, "producer": (FEED, *given, "1")}
        starts = {stage: run_alone(settings, *command) for stage, command in idle.items()}
        before = self.look(settings, name, {})
        copy_before, warehouse_before = size_of(settings.published_dir), used_bytes(settings)
        used = {stage: run_alone(settings, *command) for stage, command in commands.items()}
        run = self.look(settings, name, {}).since(before, partitions)
        spent = {stage: max(1e-9, used[stage] - starts[stage]) for stage in commands}
        return Backlog(
            replace(run, cpu={**run.cpu, **spent}, rows=readings, readings=readings),
            _json_bytes(),
            used_bytes(settings) - warehouse_before,
            size_of(settings.published_dir) - copy_before,
            self._memory(settings, name),
        )

    def look(self, settings: Settings, stream: str, pids: Mapping[str, int]) -> Look:
        broker = self._broker.pid()
        assert broker is not None
        all_pids = {**pids, "broker": broker}
        topology, beat = Topology(stream), beat_of(settings, f"validator-{stream}-0")
        topics = {"raw": topology.raw, "validated": topology.validated, "dead": topology.dead_letters}
        return Look(
            at=time.monotonic(),
            cpu={name: cpu_of(pid) for name, pid in all_pids.items()},
            memory={name: memory_of(pid) for name, pid in all_pids.items()},
            topics={name: written(settings, topic) for name, topic in {**topics, "ledger": topology.ledger}.items()},
            transactions=int(beat.get("transactions", 0)),
            rows=_loaded(settings),
            network=network_of(self._broker),
        )

    def _memory(self, settings: Settings, stream: str) -> dict[str, int]:
        broker = self._broker.pid()
        assert broker is not None
        names = {"producer": f"producer-{stream}-file-feed", "validator": f"validator-{stream}-0", "loader": "loader"}
        return {
            **{name: int(beat_of(settings, beat).get("memory_bytes", 0)) for name, beat in names.items()},
            "broker": memory_of(broker),
        }

    def _await(self, condition: Callable[[], bool], stages: tuple[Stage, ...]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not condition():
            for stage in stages:
                stage.check()
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"No reading came through within {_READY_SECONDS:g} s.",
                    next_step="Measure on a machine that is less busy, or give rates by --rates FILE.",
                )
            time.sleep(_POLL_SECONDS)

    def _last(self, seconds: float, clock: Clock, stages: tuple[Stage, ...]) -> None:
        end = clock.monotonic() + seconds
        while (left := end - clock.monotonic()) > 0:
            for stage in stages:
                stage.check()
            time.sleep(min(left, _TOLD_EVERY_SECONDS))
            self._tell(f"  {max(0.0, end - clock.monotonic()):.0f} s left")


@dataclass(frozen=True)
class Look:
    """Counters at one moment."""

    at: float
    cpu: Mapping[str, float]
    memory: Mapping[str, int]
    topics: Mapping[str, Written]
    transactions: int
    rows: int
    network: tuple[float, float] | None

    def since(self, before: Look, partitions: int) -> Run:
        network = None
        if self.network and before.network:
            network = (self.network[0] - before.network[0], self.network[1] - before.network[1])
        topics = {name: count - before.topics[name] for name, count in self.topics.items()}
        return Run(
            seconds=self.at - before.at,
            partitions=partitions,
            readings=topics["raw"].records,
            transactions=self.transactions - before.transactions,
            rows=self.rows - before.rows,
            entries=topics["ledger"].records,
            cpu={name: spent - before.cpu.get(name, 0.0) for name, spent in self.cpu.items()},
            topics=topics,
            network=network,
            memory=self.memory,
        )


def _kept_up(run: Run, trial: Trial) -> None:
    due, least = trial.rate * run.seconds, trial.least_transactions * run.seconds
    if run.transactions < max(1.0, least) or run.readings < _KEPT_UP * due:
        raise UnavailableError(
            f"This machine is too busy to measure anything: in {run.seconds:.0f} s it took {run.readings:,} of "
            f"{due:,.0f} readings and made {run.transactions:,} transactions.",
            next_step="Measure when it has less to do, or give rates by --rates FILE.",
        )


def _loaded(settings: Settings) -> int:
    beat = beat_of(settings, "loader")
    return int(beat.get("readings", 0)) + int(beat.get("dead_letters", 0))


def _json_bytes() -> float:
    """Of a reading as it is sent, with its key: the mean of a thousand."""
    from iot_platform.planning.feed import Feed  # noqa: PLC0415 - numpy takes a moment

    readings = Feed(1_000, None, SystemClock()).batch(1_000).readings
    return sum(len(one.key or b"") + len(one.value or b"") for one in readings) / len(readings)
