"""An installation in which validators only seem to run: their leases and signs of life are real, Kafka is a course."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil

from iot_platform.clock import Clock, ManualClock, unix_millis
from iot_platform.lifecycle import lease
from iot_platform.pipeline.lag import LagReport
from iot_platform.settings import Settings
from iot_platform.supervision.scaling import LOOK_SECONDS, Scaled, scale
from iot_platform.supervision.slots import Role, Slot, all_slots, read_desired
from iot_platform.watch.lag.course import Course, after
from iot_platform.watch.lag.judging import Circumstances, judge_group
from tests.watch.lag.courses import looked

PARTITIONS = 3


@dataclass
class Scene:
    """`inflow` a second arrive; each validator takes `rate`."""

    settings: Settings
    clock: ManualClock = field(default_factory=lambda: ManualClock(datetime.now(UTC)))
    inflow: float = 100.0
    rate: float = 1_000.0
    answers: bool = True
    loader_behind: bool = False
    _end: float = 0.0
    _taken: float = 0.0
    _course: Course = field(default_factory=Course)
    _loaded: Course = field(default_factory=Course)

    def ask(self, _settings: Settings, clock: Clock) -> LagReport | None:
        """The course of the stream's groups, shared by three partitions that are alike."""
        if not self.answers:
            return None
        at_ms = unix_millis(clock.now())
        end, taken = int(self._end) // PARTITIONS, int(self._taken) // PARTITIONS
        self._course = after(self._course, looked(at_ms, end, taken), 13)
        loaded = 0 if self.loader_behind else taken
        self._loaded = after(self._loaded, looked(at_ms, taken, loaded, born=0 if self.loader_behind else None), 13)
        groups = (
            judge_group(
                Circumstances("validator-s", "STABLE"),
                {("raw_s", number): self._course for number in range(PARTITIONS)},
                at_ms,
            ),
            judge_group(Circumstances("loader-s"), {("validated_s", 0): self._loaded}, at_ms),
        )
        return LagReport(clock.now(), {"validator-s": "s", "loader-s": "s"}, groups, (), ())

    def look(self, seconds: float = LOOK_SECONDS) -> Scaled:
        """Time passes, as many validators work as are wanted, and the lag is looked at."""
        with self.working() as number:
            self._end += self.inflow * seconds
            self._taken = min(self._end, self._taken + number * self.rate * seconds)
            self.clock.advance(seconds)
            (found,) = scale(self.settings, self.clock, self.ask)
        return found

    def looks(self, number: int) -> list[Scaled]:
        return [self.look() for _ in range(number)]

    @contextmanager
    def working(self) -> Iterator[int]:
        """The validators that are wanted have their leases, and share the partitions."""
        desired = read_desired(self.settings)
        slots = [slot for slot in all_slots(self.settings, desired) if slot.role is Role.VALIDATOR]
        with ExitStack() as held:
            for slot in slots:
                if desired.lets_run(slot):
                    held.enter_context(lease(slot.lease_path(self.settings), slot.name))
                    self._beat(slot, len(slots))
            yield len(slots)

    def _beat(self, slot: Slot, number: int) -> None:
        facts = {
            "pid": psutil.Process().pid,
            "at": self.clock.now().isoformat(),
            "memory_bytes": 100_000_000,
            "partitions": list(range(PARTITIONS))[slot.number :: number],
            "busy_seconds": 0.0,
        }
        path = self.settings.heartbeat_dir / f"{slot.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts), encoding="utf-8")
