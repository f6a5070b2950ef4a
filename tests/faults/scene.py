"""One stream on a real Kafka, everything that is sent into it, and how to ask what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

from confluent_kafka import KafkaException

from iot_platform.clock import SystemClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.pipeline.load import load_once
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import LogSpan, Place, log_spans
from iot_platform.stream.producer import ProducerResult, run_producer
from iot_platform.stream.sources.base import Source
from iot_platform.stream.sources.fleet import Fleet
from iot_platform.stream.sources.journal import Journaled
from iot_platform.stream.topics import ensure_topics
from iot_platform.stream.validator import Validator
from tests.faults.canaries import Canaries
from tests.faults.evidence import Evidence, gather
from tests.faults.quarrels import Quarrelsome
from tests.support.processes import running
from tests.support.topics import read_ledger
from tests.support.waiting import eventually

KILLED = -9
_DIE_SECONDS = 60.0
SETTLE_SECONDS = 120.0


class Scene:
    """The fleet, troublemakers and contradictions among it, into a stream of its own; each list of what was sent."""

    def __init__(self, settings: Settings, directory: Path, rate: float = 4_000.0) -> None:
        (stream,) = settings.streams
        fleet = settings.fleet.model_copy(update={"stream": stream, "rate": rate})
        self.settings = settings.model_copy(update={"fleet": fleet})
        self.stream = stream
        self.topology = Topology(stream)
        self.log = directory / f"{stream}.log"
        self.sent_list = self.settings.state_dir / "sent.ndjson"
        self._directory = directory
        self.log.touch()
        ensure_topics(Clients(self.settings), self.settings, stream)

    def sing(self) -> None:
        """Plant canaries in the outputs."""
        Canaries(self.settings, self.topology).sing()

    def with_settings(self, **changes: object) -> Settings:
        """The scene's settings with some changed, for `send`."""
        return self.settings.model_copy(update=changes)

    def send(self, count: int = 400, settings: Settings | None = None, stop: Stop | None = None) -> ProducerResult:
        """So many readings of the fleet through the producer, and contradictions on top."""
        options = self.settings.stream(self.stream)
        fleet = Fleet((settings or self.settings).fleet, load_catalogue(options.catalogue), SystemClock())
        return self.give(Quarrelsome(fleet), settings, Bounds(count=count), stop)

    def give(
        self,
        source: Source,
        settings: Settings | None = None,
        bounds: Bounds | None = None,
        stop: Stop | None = None,
    ) -> ProducerResult:
        """All of `source` through the producer, listed."""
        listed = Journaled(source, self.sent_list)
        return run_producer(settings or self.settings, listed, self.stream, stop=stop or Stop(), bounds=bounds)

    @contextmanager
    def process(self, *arguments: str, **environment: str) -> Iterator[Popen[bytes]]:
        """One of the platform's commands, killed at the end of the block if it still runs."""
        with running(self.settings, *arguments, log=self.log, **environment) as process:
            yield process

    def producer(self, **environment: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """Command and environment of the fleet's producer as a process, with the same list as `send` writes."""
        command = ("produce", "--source", "fleet", "--stream", self.stream, "--journal", str(self.sent_list))
        fleet = self.settings.fleet
        return command, {"IOT_FLEET__RATE": f"{fleet.rate:g}", "IOT_FLEET__STREAM": self.stream, **environment}

    def validator(self, slot: int = 0) -> tuple[str, ...]:
        return ("validate", "--stream", self.stream, "--slot", str(slot))

    def dies(self, *arguments: str, **environment: str) -> None:
        """Run a command with a fault point that kills it, and see it die."""
        with self.process(*arguments, **environment) as process:
            assert process.wait(_DIE_SECONDS) == KILLED, self.log.read_text()

    def validate(self) -> Validator:
        """Slot 0, in this process, until nothing is left in the raw topic."""
        validator = Validator(self.settings, self.stream, 0, SystemClock())
        limit = Limit(Bounds(until_caught_up=True, seconds=SETTLE_SECONDS), SystemClock())
        validator.run(Stop(), limit, lambda: None)
        assert not limit.reached, f"not all was validated within {SETTLE_SECONDS:g} s: {validator.facts()}"
        return validator

    def load(self) -> None:
        load_once(self.settings, Clients(self.settings), SystemClock())

    def settle(self) -> float:
        """Validate and load all there is; the seconds it took."""
        began = time.monotonic()
        self.validate()
        self.load()
        return time.monotonic() - began

    def spans(self, topic: str) -> dict[Place, LogSpan]:
        return log_spans(Clients(self.settings), [topic])

    def is_covered(self) -> bool:
        """Whether the ledger covers every raw record; not while Kafka cannot say so."""
        try:
            covered = sum(entry.covered for entry in read_ledger(self.settings, self.stream))
            return covered == sum(span.end for span in self.spans(self.topology.raw).values())
        except (KafkaException, KafkaUnavailableError):  # a broker that was just started does not lead at once
            return False

    def await_covered(self, within_seconds: float = SETTLE_SECONDS) -> None:
        try:
            eventually(self.is_covered, within_seconds, "all validated")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.log.read_text()[-3000:]}") from None

    def is_quiet(self) -> bool:
        """Whether no transaction is open on the outputs."""
        outputs = (self.topology.validated, self.topology.dead_letters, self.topology.ledger)
        spans = log_spans(Clients(self.settings), outputs)
        return all(span.end == span.high for span in spans.values())

    def evidence(self) -> Evidence:
        lists = [self.sent_list] if self.sent_list.exists() else []
        return gather(self.settings, self.stream, lists)

    def judge(self) -> Judge:
        options = self.settings.stream(self.stream)
        freshness = Freshness(options.max_age_seconds, options.max_ahead_seconds)
        return Judge(load_catalogue(options.catalogue), freshness, options.max_message_bytes)


@contextmanager
def processes(*started: tuple[Scene, tuple[str, ...], Mapping[str, str]]) -> Iterator[list[Popen[bytes]]]:
    """Several commands at once, each in its scene."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(scene.process(*arguments, **environment)) for scene, arguments, environment in started
        ]


def at_once(*actions: Callable[[], object]) -> None:
    """Run all at the same time; the first error of one, when all are over."""
    with ThreadPoolExecutor(len(actions)) as pool:
        futures = [pool.submit(action) for action in actions]
    for future in futures:
        future.result()
