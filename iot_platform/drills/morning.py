"""The drill `morning`: a night of the fleet with its troublemakers, and a year of a real device: told rightly, mended.

Everything is done by the commands that a person would type, and read in the report that a person would read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iot_platform.drills.drill import Drill, Outcome
from iot_platform.drills.installation import Installation, own_dagster, own_directory, own_installation, own_kafka
from iot_platform.drills.judgement import settle_and_judge
from iot_platform.drills.telling import Told, named_rightly, told_of
from iot_platform.errors import UnavailableError
from iot_platform.pipeline.alerting import fired_between
from iot_platform.pipeline.query import open_copy
from iot_platform.report.figures import Figures
from iot_platform.report.gather import gather
from iot_platform.report.period import chosen
from iot_platform.settings import (
    BUILT_IN_STREAMS,
    DlqSettings,
    FleetSettings,
    Settings,
    StreamSettings,
)

NAME = "morning"
STREAM = "iot_data"
DEVICE = "air_quality"

CAUSES: Mapping[str, frozenset[str]] = {
    "trouble-stuck-01": frozenset({"stuck"}),
    "trouble-drift-01": frozenset({"drift", "range"}),
    "trouble-null-value-01": frozenset({"null_critical"}),
    "trouble-null-optional-01": frozenset({"null"}),
    "trouble-clock-ahead-01": frozenset({"from_future"}),
    "trouble-clock-behind-01": frozenset({"too_old"}),
    "trouble-duplicate-01": frozenset({"repeats"}),
    "trouble-silent-01": frozenset({"silent"}),
    "trouble-malformed-01": frozenset({"not_json", "not_utf8", "not_object", "type"}),
    "trouble-unit-01": frozenset({"unit"}),
}
"""What is wrong with each troublemaker of a fleet of fifty, by what the fleet makes it do."""

PATCHES = ("fleet-unit", "fleet-types", "fleet-list")
DEVICE_VALID, DEVICE_DEAD, DEVICE_LOST_SENSOR, DEVICE_LOST = 104_940, 16_701, "uci-air-nmhc", 8_443
"""Its readings, those without a value (-200 in the file), and the analyser of 9,357 hours that has hardly any."""

_CHECKOUT = Path(__file__).resolve().parents[2]
_LOAD_SECONDS = 15
_LONGEST_SECONDS = 600.0
_SILENCE_SECONDS = 300.0
"""The sensor that falls silent does so live, after the night: from then on it takes two of its intervals and a load."""


@dataclass(frozen=True)
class MorningPlan:
    """The fleet at `rate` readings a second, for `hours` before the morning."""

    rate: float
    hours: float
    keep: bool = False


def run(drill: Drill, plan: MorningPlan, cache_dir: Path) -> Outcome:
    """The whole drill, with Kafka's jars from `cache_dir`. Raises UnavailableError when it comes to no verdict."""
    settings = settings_of(own_directory(NAME), cache_dir, plan)
    drill.step(f"An installation of its own in {settings.state_dir.parent}, Kafka at {settings.bootstrap_servers}.")
    with own_installation(settings, drill.tell, keep=plan.keep) as installation:
        morning = _Morning(drill, plan, installation)
        morning.night()
        morning.look()
        morning.mend()
        morning.device()
        settle_and_judge(drill, installation, STREAM, _LONGEST_SECONDS)
    return drill.outcome()


def settings_of(directory: Path, cache_dir: Path, plan: MorningPlan) -> Settings:
    """Made without asking anybody: nothing of the user's environment or iot.toml comes in."""
    return Settings.model_construct(
        instance=NAME,
        state_dir=directory / "state",
        cache_dir=cache_dir,
        kafka=own_kafka(1),
        streams={STREAM: StreamSettings(), DEVICE: StreamSettings(**BUILT_IN_STREAMS[DEVICE])},
        fleet=FleetSettings(rate=plan.rate, history_hours=plan.hours, journal=directory / "journal.ndjson"),
        dlq=DlqSettings(patches_dir=_CHECKOUT / "patches"),
        dagster=own_dagster(load_interval_seconds=_LOAD_SECONDS),
    )


class _Morning:
    """The steps, in their order."""

    def __init__(self, drill: Drill, plan: MorningPlan, installation: Installation) -> None:
        self._drill = drill
        self._plan = plan
        self._installation = installation
        self._settings = installation.settings

    def night(self) -> None:
        self._drill.step(
            f"Starting Kafka, Dagster and fifty sensors, ten of them in trouble for {self._plan.hours:g} h …"
        )
        self._installation.run("up", "--detach")
        self._drill.require(self._night_is_in, _LONGEST_SECONDS, "a report that has the whole night")
        self._drill.wait_until(self._all_named, _SILENCE_SECONDS)

    def look(self) -> None:
        """A person opens the report."""
        figures, told = self._report(STREAM)
        totals = figures.totals[STREAM]
        self._drill.step(
            f"The report has {totals.records:,} records of {totals.sensors} sensors, {totals.dead:,} dead letters, and "
            f"names {len(told)} sensors:",
            records=totals.records,
            dead=totals.dead,
        )
        for sensor, one in sorted(told.items()):
            self._drill.step(f"  {sensor}: {'; '.join(one.lines)}")
        for alert in figures.alerts:
            self._drill.step(f"  alert {alert.rule}: {alert.text}")
        wrong = sorted(set(CAUSES) - set(named_rightly(told, CAUSES)))
        healthy = sorted(told.keys() - CAUSES.keys())
        self._drill.claim(_unless("Every troublemaker is named with its own cause, and no other.", wrong), not wrong)
        self._drill.claim(_unless("No healthy sensor is named.", healthy), not healthy)

    def mend(self) -> None:
        """The wrong units and the malformed records are patched and sent again, while the fleet goes on."""
        sent = 0
        for patch in PATCHES:
            done = json.loads(self._installation.run("dlq", "fix", patch, "--apply", "--json"))
            sent += done["sent"]
            self._drill.step(
                f"`iot-platform dlq fix {patch} --apply` sent {done['sent']:,} of {done['chosen']:,}.", **done
            )
        self._drill.wait_until(
            lambda: self._fixed()["in flight"] == 0 and self._fixed()["fixed"] >= sent, _LONGEST_SECONDS
        )
        fixed = self._fixed()["fixed"]
        rows, different = self._rows_of_the_fixed()
        self._drill.step(f"{fixed:,} dead letters are fixed now; DuckDB has {rows:,} rows of them.", fixed=fixed)
        self._drill.claim(f"All {sent:,} that were patched are valid now.", fixed == sent > 0)
        self._drill.claim("Each of them is one row in DuckDB.", rows == different == fixed)

    def device(self) -> None:
        """A real device's year, read in at once."""
        folder = _CHECKOUT / "examples" / DEVICE
        self._drill.step("Reading in a year of a real device: Air Quality, 121,641 readings of 13 sensors …")
        said = self._installation.run(
            "produce", "--source", "file", "--stream", DEVICE, "--file", str(folder / "AirQualityUCI.csv"),
            "--mapping", str(folder / "mapping.toml"), "--follow", "--json",
        )  # fmt: skip
        audit = json.loads(said)
        counted = (audit["valid"], audit["dead"], audit["unaccounted"])
        self._drill.step(f"The audit: {counted[0]:,} valid, {counted[1]:,} dead, {counted[2]:,} unaccounted for.")
        self._drill.claim(
            "Every value of its file is there, every gap a dead letter.", counted == (DEVICE_VALID, DEVICE_DEAD, 0)
        )
        self._drill.require(self._device_is_in, _LONGEST_SECONDS, "a report with the whole device")
        figures, told = self._report(DEVICE)
        for sensor, one in sorted(told.items()):
            self._drill.step(f"  {sensor}: {'; '.join(one.lines)}")
        codes = [(reason.code, reason.records) for reason in figures.reasons if reason.stream == DEVICE]
        self._drill.claim("Only missing values are held against it.", codes == [("null_critical", DEVICE_DEAD)])
        (worst, *_others) = (one for one in figures.sensors if one.stream == DEVICE)
        self._drill.claim(
            f"The worst is the analyser that fell out after some weeks: {worst.sensor_id}, {worst.dead:,} of 9,357.",
            (worst.sensor_id, worst.dead) == (DEVICE_LOST_SENSOR, DEVICE_LOST),
        )
        odd = sorted(sensor for sensor, one in told.items() if one.causes - {"null_critical", "low"})
        self._drill.claim(_unless("None of its sensors is called stuck, drifting or silent.", odd), not odd)

    def _report(self, stream: str) -> tuple[Figures, dict[str, Told]]:
        """Of the last seven days: a night may have begun yesterday."""
        period = chosen("today", week=True, now=self._drill.clock.now())
        alerts = fired_between(self._settings, period.start, period.until)
        with open_copy(self._settings) as connection:
            figures = gather(connection, self._settings, period, None, alerts)
        return figures, told_of(figures, stream)

    def _night_is_in(self) -> bool:
        try:
            figures, _ = self._report(STREAM)
        except UnavailableError:  # before the first publication
            return False
        totals = figures.totals.get(STREAM)
        return totals is not None and totals.records >= self._plan.rate * self._plan.hours * 3600

    def _all_named(self) -> bool:
        _, told = self._report(STREAM)
        return len(named_rightly(told, CAUSES)) == len(CAUSES)

    def _device_is_in(self) -> bool:
        figures, _ = self._report(DEVICE)
        totals = figures.totals.get(DEVICE)
        return totals is not None and totals.records == DEVICE_VALID + DEVICE_DEAD

    def _fixed(self) -> dict[str, int]:
        document = json.loads(self._installation.run("dlq", "list", "--limit", "0", "--json"))
        found = {"fixed": 0, "in flight": 0}
        for row in document["counts"]:
            found[row["status"]] = found.get(row["status"], 0) + row["dead_letters"]
        return found

    def _rows_of_the_fixed(self) -> tuple[int, int]:
        """Rows with the ids of what was fixed, and how many different ids."""
        sql = (
            "SELECT count(*), count(DISTINCT message_id) FROM readings SEMI JOIN "
            "(SELECT message_id FROM readings JOIN redriven USING (stream, partition, kafka_offset) "
            "WHERE outcome = 'valid') USING (message_id)"
        )
        with open_copy(self._settings) as connection:
            row: Any = connection.execute(sql).fetchone()
        return int(row[0]), int(row[1])


def _unless(sentence: str, exceptions: list[str]) -> str:
    return f"{sentence[:-1]}, but for {', '.join(exceptions)}." if exceptions else sentence
