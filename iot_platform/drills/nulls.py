"""The drill `nulls`: half of the fields go missing in some sensors; what the alert says of it, and when it is over."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iot_platform.drills.drill import Drill, Outcome
from iot_platform.drills.installation import Installation, own_directory, own_installation, own_kafka
from iot_platform.drills.judgement import settle_and_judge
from iot_platform.pipeline.firing import WATCHER, evaluated_at, firing_alerts
from iot_platform.settings import DagsterSettings, FleetSettings, Settings, StreamSettings, WarehouseSettings
from iot_platform.stream.places import fleet_name, process_name
from iot_platform.supervision.status import read_status
from iot_platform.supervision.supervisor import Supervisor

NAME = "nulls"
STREAM = "iot_data"
RULE = "null_burst"

_SENSORS = 24
"""Below 25 the fleet has no troublemakers: here all trouble is the drill's."""
_KIND = "humidity"
_NULLABLE = {"value", "unit", "location", "battery_level", "signal_strength"}
_SHARE = 0.5
_WATCH_SECONDS = 5
_START_SECONDS = 180.0
_TOLD_SECONDS = 60.0
_LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class NullsPlan:
    """`rate` readings a second; `seconds` is how long the healthy fleet is looked at."""

    rate: float
    seconds: float
    keep: bool = False


def run(drill: Drill, plan: NullsPlan, cache_dir: Path) -> Outcome:
    """The whole drill, with Kafka's jars from `cache_dir`. Raises UnavailableError when it comes to no verdict."""
    settings = settings_of(own_directory(NAME), cache_dir, plan)
    drill.step(f"An installation of its own in {settings.state_dir.parent}, Kafka at {settings.bootstrap_servers}.")
    write_fleet(settings, settings.fleet)
    with own_installation(settings, drill.tell, keep=plan.keep, in_file={"fleet"}) as installation:
        nulls = _Nulls(drill, plan, installation)
        nulls.start()
        nulls.turn_on()
        nulls.turn_off()
        settle_and_judge(drill, installation, STREAM, _LONGEST_SECONDS)
    return drill.outcome()


def settings_of(directory: Path, cache_dir: Path, plan: NullsPlan) -> Settings:
    """Made without asking anybody: nothing of the user's environment or iot.toml comes in."""
    return Settings.model_construct(
        instance=NAME,
        state_dir=directory / "state",
        cache_dir=cache_dir,
        kafka=own_kafka(1),
        streams={STREAM: StreamSettings()},
        fleet=FleetSettings(rate=plan.rate, sensors=_SENSORS, journal=directory / "journal.ndjson"),
        warehouse=WarehouseSettings(load_interval_seconds=1, publish_interval_seconds=_WATCH_SECONDS),
        dagster=DagsterSettings(enabled=False, watch_interval_seconds=_WATCH_SECONDS),
    )


def write_fleet(settings: Settings, fleet: FleetSettings) -> None:
    """Into the drill's iot.toml, which a producer reads when it starts."""
    given = fleet.model_dump(mode="json", exclude_none=True)
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]  # of such values TOML is as JSON
    (settings.state_dir.parent / "iot.toml").write_text("\n".join(["[fleet]", *lines, ""]), encoding="utf-8")


class _Nulls:
    """The steps, in their order."""

    def __init__(self, drill: Drill, plan: NullsPlan, installation: Installation) -> None:
        self._drill = drill
        self._plan = plan
        self._installation = installation
        self._settings = installation.settings

    def start(self) -> None:
        self._drill.step(f"Starting Kafka, a validator, the loader, the watcher and {_SENSORS} healthy sensors …")
        self._installation.run("up", "--detach")
        self._drill.require(lambda: self._readings() > 0, _START_SECONDS, "the first readings in the warehouse")
        self._drill.require(lambda: evaluated_at(self._settings, WATCHER) is not None, _START_SECONDS, "an evaluation")
        time.sleep(self._plan.seconds)
        alert = self._alert()
        self._drill.step(f"{self._readings():,} readings are loaded; of nulls the alerts say: {_said(alert)}")
        self._drill.claim("No alert of nulls fired while the fleet was well.", alert is None)

    def turn_on(self) -> None:
        fleet = self._settings.fleet.model_copy(update={"null_share": _SHARE, "null_sensors": f"{_KIND}-*"})
        self._drill.step(f"From now on {100 * _SHARE:.0f} % of the fields of every {_KIND} sensor are null …")
        began = self._restart_with(fleet)
        self._drill.require(lambda: self._alert() is not None, _LONGEST_SECONDS, "the alert of nulls")
        seconds, alert = time.monotonic() - began, self._alert()
        said = _said(alert)
        self._drill.step(f"After {seconds:.0f} s it fires: {said}", told_seconds=round(seconds, 1), alert=said)
        fields = said.partition("Fields: ")[2].partition(".")[0].split(", ")
        self._drill.claim(f"It names fields: {', '.join(fields)}.", bool(set(fields) & _NULLABLE))
        self._drill.claim(f"It was told within a minute, after {seconds:.0f} s.", seconds <= _TOLD_SECONDS)
        for what, words in {
            "the sensors": f"{_KIND}-0",
            "the locations": "Locations: site-",
            "the schema version": "Schema versions: 1",
            "the cause that was planted": f"Suspected cause: sensor type {_KIND}",
        }.items():
            self._drill.claim(f"It names {what}.", words in said)

    def turn_off(self) -> None:
        self._drill.step("The sensors are mended …")
        began = self._restart_with(self._settings.fleet)
        over = self._drill.wait_until(lambda: self._alert() is None, _LONGEST_SECONDS)
        seconds = time.monotonic() - began
        self._drill.step(f"After {seconds:.0f} s it is over.", over_seconds=round(seconds, 1))
        self._drill.claim(f"It was resolved by itself, after {seconds:.0f} s.", over)

    def _restart_with(self, fleet: FleetSettings) -> float:
        """When the fleet's producer ran with these settings, by `time.monotonic`."""
        write_fleet(self._settings, fleet)
        supervisor, producer = Supervisor(self._settings), process_name(STREAM, fleet_name(0))
        supervisor.stop_program(producer)
        supervisor.start_program(producer)
        return time.monotonic()

    def _readings(self) -> int:
        return int(read_status(self._settings, self._drill.clock)["readings"])

    def _alert(self) -> dict[str, Any] | None:
        return next((one for one in firing_alerts(self._settings) if one["what"] == RULE), None)


def _said(alert: dict[str, Any] | None) -> str:
    return str(alert["figure"]) if alert else "nothing."
