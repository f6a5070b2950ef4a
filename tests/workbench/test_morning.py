"""A morning with the fleet: its wrong-unit and malformed records are patched and sent again beside live data.

The command is killed half way and run again. Fixed ones are in DuckDB once, others dead again, all is accounted for.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract.patches import When
from iot_platform.lifecycle import Bounds
from iot_platform.pipeline.publish import Publisher
from iot_platform.settings import Settings
from iot_platform.workbench.files import load_patch
from iot_platform.workbench.jobs import Job
from iot_platform.workbench.letters import Asked, count_letters
from iot_platform.workbench.trying import Trial, try_patch
from tests.support.fleet_producer import run_fleet
from tests.support.processes import command, environment
from tests.support.topics import assert_ledger_is_whole, read_all, read_ledger
from tests.support.traffic import Traffic
from tests.workbench.bench import Bench

pytestmark = pytest.mark.kafka

PATCHES = Path(__file__).resolve().parents[2] / "patches"
_COMMAND_SECONDS = 240.0
_EXPECTED = {"not_json": "unrecoverable", "null_critical": "dead again"}


def commanded(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    variables = environment(settings, IOT_DLQ__PATCHES_DIR=str(PATCHES), **more)
    made = command("dlq", *arguments)
    return subprocess.run(made, env=variables, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False)


def sent(bench: Bench, patch: str) -> dict[str, Any]:
    done = commanded(bench.settings, "fix", patch, "--stream", bench.topology.stream, "--apply", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def tried(bench: Bench, patch: str) -> Trial:
    settings = bench.settings.model_copy(update={"dlq": bench.settings.dlq.model_copy(update={"patches_dir": PATCHES})})
    made = load_patch(settings, patch)
    job = Job(Asked(bench.topology.stream, made.when), made)
    return try_patch(settings, job, 1, SystemClock().now())


def test_the_fleets_dead_letters_are_patched_once_through_a_kill_and_beside_live_data(bench: Bench) -> None:
    settings, topology = bench.settings, bench.topology
    fleet = settings.fleet.model_copy(update={"stream": topology.stream, "rate": 500.0})
    run_fleet(settings.model_copy(update={"fleet": fleet}), Bounds(count=1_500))
    bench.judged()
    Publisher(settings, SystemClock()).publish(always=True)
    at_first = {letter.source: letter for letter in bench.letters()}
    counts = {(row["code"], row["status"]): row["dead_letters"] for row in count_letters(settings, bench.asked())}
    wrong_unit = counts["unit", "untouched"]
    assert wrong_unit > 8

    trial = tried(bench, "fleet-unit")
    assert (trial.matched, trial.valid, trial.dead) == (wrong_unit, wrong_unit, 0)
    assert trial.samples[0].changes[0].before == '"degF"'

    with Traffic(settings, topology.raw, seed=6):
        options = ("fix", "fleet-unit", "--stream", topology.stream, "--apply", "--rate", "4")
        killed = commanded(settings, *options, IOT_FAULTPOINT="redrive.during_send:kill:7")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        bench.load()
        assert bench.statuses()["in flight"] == 8, "two batches of four were meant"
        again = sent(bench, "fleet-unit")
    assert (again["continued"], again["sent"]) == (4, wrong_unit - 8)
    typed, listed, broken = (
        sent(bench, "fleet-types"),
        sent(bench, "fleet-list"),
        bench.again('[when]\nreason = "not_json"\n[[steps]]\nop = "drop"\nfield = "unit"\n'),
    )
    assert typed["sent"] == typed["chosen"] > 0
    assert listed["sent"] == listed["chosen"] > 0
    assert broken.unrecoverable == broken.chosen > 0
    hopeless = bench.again(asked=bench.asked(when=When(reason="null_critical"))).sent
    assert hopeless > 0
    bench.judged()

    status = {letter.source: letter.status for letter in bench.letters()}
    for source, letter in at_first.items():
        patched = {"unit", "type", "not_object"} & set(letter.codes)
        expected = "fixed" if patched else _EXPECTED.get(letter.codes[0], "untouched")
        assert status[source] == expected, letter.codes
    assert sum(letter.attempts == 2 for letter in bench.letters()) == hopeless
    rows = bench.rows(
        "SELECT unit, repaired FROM readings WHERE sensor_id LIKE 'trouble-unit-%' AND repaired IS NOT NULL"
    )
    assert len(rows) == wrong_unit
    assert all(row["unit"] != "degF" and row["repaired"] == ["unit"] for row in rows)
    (ids,) = bench.rows("SELECT count(*) AS n, count(DISTINCT message_id) AS different FROM readings")
    assert ids["n"] == ids["different"]
    raw = read_all(settings, topology.raw)
    assert_ledger_is_whole(read_ledger(settings, topology.stream), raw)
    places = [dict(record.headers).get("iot.redriven_from") for record in raw]
    redriven = [place for place in places if place]
    assert len(redriven) == len(set(redriven)) == wrong_unit + typed["sent"] + listed["sent"] + hopeless
    source = bench.audited().sources["redrive"]
    assert source == {"born": len(redriven), "acknowledged": len(redriven), "spooled": 0, "refused": 0}
    assert sent(bench, "fleet-unit")["chosen"] == 0, "run again it finds nothing to do"
