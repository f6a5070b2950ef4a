"""The drill `lag`: a validator becomes slow: lag, its alert, a second one, no lag; it is mended: one again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iot_platform.drills.drill import Drill, Outcome
from iot_platform.drills.installation import Installation, own_dagster, own_directory, own_installation, own_kafka
from iot_platform.drills.judgement import settle_and_judge
from iot_platform.drills.plots import Event, Sample, svg_plot, text_plot
from iot_platform.errors import PlatformError
from iot_platform.lifecycle import is_held
from iot_platform.pipeline.firing import evaluated_at, firing_alerts
from iot_platform.settings import (
    AlertSettings,
    FleetSettings,
    ScalingSettings,
    Settings,
    StreamSettings,
    ValidatorSettings,
)
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import group_lag
from iot_platform.supervision.scaled import scaling_document
from iot_platform.supervision.slots import Role, Slot, read_desired

NAME = "lag"
STREAM = "iot_data"
GROUP = f"validator-{STREAM}"

_SENSORS = 24
"""Below 25 the fleet has no troublemakers."""
_AT_ONCE, _SLEEP_SECONDS = 200, 0.8
SLOWED = f"validator.after_begin:sleep={_SLEEP_SECONDS}:*"
"""Each transaction takes this much longer, and holds 200 records at most: 250 records a second, for one validator."""
_WATCH_SECONDS = 5
_START_SECONDS = 240.0
_LONGEST_SECONDS = 300.0
_SAMPLE_SECONDS = 1.0
_RULES = """\
[[rules]]
name = "behind"
kind = "lag"
signals = ["seconds_behind"]
above = 15.0
for_seconds = 5
cooldown_seconds = 3600
resolve_after_seconds = 5
title = "{subject} is behind"
what_to_do = "Watch: the number of validators follows the lag."
"""


@dataclass(frozen=True)
class LagPlan:
    """`rate` readings a second; `seconds` is how long the healthy stream is looked at; `plot`: where an SVG goes."""

    rate: float
    seconds: float
    plot: Path | None = None
    keep: bool = False


def run(drill: Drill, plan: LagPlan, cache_dir: Path) -> Outcome:
    """The whole drill, with Kafka's jars from `cache_dir`. Raises UnavailableError when it comes to no verdict."""
    settings = settings_of(own_directory(NAME), cache_dir, plan)
    drill.step(f"An installation of its own in {settings.state_dir.parent}, Kafka at {settings.bootstrap_servers}.")
    (settings.state_dir.parent / "rules.toml").write_text(_RULES, encoding="utf-8")
    with own_installation(settings, drill.tell, keep=plan.keep, in_file={"faultpoint"}) as installation:
        lag = _Lag(drill, plan, installation)
        lag.start()
        with lag.seen.taking():
            lag.slow_down()
            lag.scale_out()
            lag.mend()
            lag.scale_in()
        lag.show()
        settle_and_judge(drill, installation, STREAM, _LONGEST_SECONDS)
    return drill.outcome()


def settings_of(directory: Path, cache_dir: Path, plan: LagPlan) -> Settings:
    """Made without asking anybody: nothing of the user's environment or iot.toml comes in."""
    return Settings.model_construct(
        instance=NAME,
        state_dir=directory / "state",
        cache_dir=cache_dir,
        kafka=own_kafka(1),
        streams={STREAM: StreamSettings(partitions=2, validators_most=2)},
        fleet=FleetSettings(rate=plan.rate, sensors=_SENSORS, journal=directory / "journal.ndjson"),
        validator=ValidatorSettings(batch_max=_AT_ONCE),
        dagster=own_dagster(
            load_interval_seconds=60,
            watch_interval_seconds=_WATCH_SECONDS,
        ),
        scaling=ScalingSettings(
            catch_up_seconds=60, out_after_seconds=10, in_after_seconds=15, settle_seconds=10, cpu_share=None
        ),
        alerts=AlertSettings(rules=directory / "rules.toml"),
    )


@dataclass
class Seen:
    """What waited and how many validators ran, second by second, and what was done meanwhile."""

    settings: Settings
    drill: Drill
    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.events.append(Event(self.drill.seconds, text))

    @contextmanager
    def taking(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._take, args=(over,), name="samples", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _take(self, over: threading.Event) -> None:
        clients = Clients(self.settings)
        while not over.wait(_SAMPLE_SECONDS):
            try:
                waiting: int | None = group_lag(clients, STREAM, self.drill.clock)[0].messages
            except PlatformError:
                waiting = None
            self.samples.append(Sample(self.drill.seconds, waiting, len(running(self.settings))))

    @property
    def waiting(self) -> int | None:
        return self.samples[-1].waiting if self.samples else None


def validators(settings: Settings) -> list[Slot]:
    return [Slot(Role.VALIDATOR, STREAM, number) for number in range(settings.streams[STREAM].partitions)]


def running(settings: Settings) -> list[Slot]:
    return [slot for slot in validators(settings) if is_held(slot.lease_path(settings))]


class _Lag:
    """The steps, in their order."""

    def __init__(self, drill: Drill, plan: LagPlan, installation: Installation) -> None:
        self._drill = drill
        self._plan = plan
        self._installation = installation
        self._settings = installation.settings
        self.seen = Seen(self._settings, drill)

    def start(self) -> None:
        self._drill.step(f"Starting Kafka, Dagster, a validator and {self._plan.rate:g} readings a second …")
        self._installation.run("up", "--detach")
        self._drill.require(lambda: len(running(self._settings)) == 1, _START_SECONDS, "a validator")
        self._drill.require(lambda: evaluated_at(self._settings) is not None, _START_SECONDS, "an evaluation")
        self._drill.require(self._is_level, _START_SECONDS, "a stream without a lag")
        time.sleep(self._plan.seconds)
        said = self._scaling()["text"]
        self._drill.step(f"All is well. Of scaling: {said}")
        self._drill.claim(
            "Without a lag there is one validator, and no alert.", self._wanted() == 1 and not self._alert()
        )

    def slow_down(self) -> None:
        self._drill.step(
            f"From now on each transaction takes {_SLEEP_SECONDS:g} s longer: 250 readings a second at most …"
        )
        self.seen.note("the validator becomes slow")
        self._restart_with(SLOWED)
        self._drill.require(lambda: self._alert() is not None, _LONGEST_SECONDS, "the alert on the lag")
        self.seen.note("the alert fires")
        said = str((self._alert() or {}).get("figure", ""))
        self._drill.step(f"{self._told()} wait. The alert says: {said}", alert=said)
        self._drill.claim(f"The alert names the group: {GROUP}.", GROUP in said)

    def scale_out(self) -> None:
        self._drill.require(lambda: self._wanted() == 2, _LONGEST_SECONDS, "a second validator")
        change = self._scaling()["changes"][-1]
        self.seen.note("a second validator is wanted")
        self._drill.step(f"Scaled out: {change['why']}", **change)
        self._drill.claim("The lag brought it, and no person.", change["who"] == "scaling")
        self._drill.require(lambda: len(running(self._settings)) == 2, _LONGEST_SECONDS, "both at work")
        most = self.seen.waiting or 0
        fell = self._drill.wait_until(self._is_level, _LONGEST_SECONDS)
        self.seen.note("nothing waits for long")
        self._drill.step(f"Both work, as slowly as before: of {most:,} that waited {self._told()} do.", most=most)
        self._drill.claim("With two the lag fell to nothing, though each was slow.", fell)

    def mend(self) -> None:
        self._drill.step("The cause is mended …")
        self.seen.note("the cause is mended")
        self._restart_with("")

    def scale_in(self) -> None:
        one = self._drill.wait_until(lambda: self._wanted() == 1, _LONGEST_SECONDS)
        self.seen.note("one is wanted")
        change = self._scaling()["changes"][-1]
        self._drill.step(f"Scaled in: {change['why']}", **change)
        ended = self._drill.wait_until(lambda: len(running(self._settings)) == 1, _LONGEST_SECONDS)
        self._drill.claim("One validator is left, by itself.", one and ended)
        over = self._drill.wait_until(lambda: self._alert() is None, _LONGEST_SECONDS)
        self._drill.claim("The alert was resolved.", over)

    def show(self) -> None:
        """The plot: in the terminal, and where it is asked for as a file."""
        samples = [
            {"seconds": one.seconds, "waiting": one.waiting, "validators": one.validators} for one in self.seen.samples
        ]
        lines = text_plot(self.seen.samples, self.seen.events)
        self._drill.step("What waited, and how many validators ran:\n" + "\n".join(lines), samples=samples)
        if self._plan.plot is not None:
            title = "A slow validator: what waits, and how many work"
            self._plan.plot.write_text(svg_plot(self.seen.samples, self.seen.events, title), encoding="utf-8")
            self._drill.step(f"The same as a picture: {self._plan.plot}.")

    def _restart_with(self, faultpoint: str) -> None:
        """Validators read the drill's iot.toml when they start; a person stops and starts those there are."""
        (self._settings.state_dir.parent / "iot.toml").write_text(f'faultpoint = "{faultpoint}"\n', encoding="utf-8")
        for slot in running(self._settings):
            self._installation.run("streams", "stop", slot.name)
            self._drill.require(lambda slot=slot: slot not in running(self._settings), _LONGEST_SECONDS, "its end")  # type: ignore[misc]
            self._installation.run("streams", "start", slot.name)

    def _is_level(self) -> bool:
        try:
            waiting = group_lag(Clients(self._settings), STREAM, self._drill.clock)[0]
        except PlatformError:
            return False
        return waiting.messages < 5 * self._plan.rate

    def _wanted(self) -> int:
        return int(self._scaling()["wanted"])

    def _scaling(self) -> dict[str, Any]:
        return scaling_document(self._settings, read_desired(self._settings), STREAM)

    def _told(self) -> str:
        return "?" if self.seen.waiting is None else f"{self.seen.waiting:,}"

    def _alert(self) -> dict[str, Any] | None:
        return next((one for one in firing_alerts(self._settings) if one["what"] == "behind"), None)
