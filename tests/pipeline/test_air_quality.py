"""A year of a real device by the documented commands, twice: every number known beforehand."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.contract.topology import Topology
from iot_platform.settings import KafkaSettings, Settings, load_settings
from tests.support.processes import command, environment
from tests.support.topics import read_all

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "air_quality"
STREAM = ("--stream", "air_quality")
FILE = ("--file", str(EXAMPLE / "AirQualityUCI.csv"), "--mapping", str(EXAMPLE / "mapping.toml"))

READINGS, VALID, DEAD, EMPTY_ROWS = 121_641, 104_940, 16_701, 114


@pytest.fixture
def installation(broker: LocalBroker, tmp_path: Path) -> Settings:
    """The streams as they are built in."""
    return load_settings(
        instance="air", state_dir=tmp_path / "state", kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    )


def run(settings: Settings, *arguments: str) -> str:
    done = subprocess.run(
        command(*arguments), env=environment(settings), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def answer(settings: Settings, *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(settings, *arguments, "--json"))
    return document


def one_pass(settings: Settings) -> tuple[dict[str, Any], ...]:
    """What produce, validate, load and audit say."""
    return (
        answer(settings, "produce", "--source", "file", *STREAM, *FILE),
        answer(settings, "validate", *STREAM, "--until-caught-up"),
        answer(settings, "load", "--until-caught-up"),
        answer(settings, "audit", *STREAM),
    )


def count(document: dict[str, Any], **expected: object) -> None:
    assert {name: document[name] for name in expected} == expected


def rows(settings: Settings, sql: str) -> list[list[Any]]:
    found: list[list[Any]] = answer(settings, "query", sql)["rows"]
    return found


def test_the_air_quality_file_twice(installation: Settings) -> None:
    run(installation, "topics", "create")
    produced, validated, loaded, audit = one_pass(installation)
    count(produced, born=READINGS, acknowledged=READINGS, refused=0, spooled=0, skipped=EMPTY_ROWS)
    count(validated, valid=VALID, dead=DEAD, duplicates=0, repaired=0, by_reason={"null_critical": DEAD})
    count(loaded, readings=VALID, dead_letters=DEAD)
    books = {"in_flight": 0, "unaccounted": 0, "findings": []}
    count(audit, raw=READINGS, valid=VALID, dead=DEAD, duplicates=0, loaded={"valid": VALID, "dead": DEAD}, **books)

    produced, validated, loaded, audit = one_pass(installation)
    count(produced, born=READINGS, acknowledged=READINGS, spooled=0, skipped=EMPTY_ROWS)
    count(validated, valid=0, dead=DEAD, duplicates=VALID, by_reason={"null_critical": DEAD})
    count(loaded, readings=0, dead_letters=DEAD)
    twice_dead = {"valid": VALID, "dead": 2 * DEAD}
    count(audit, raw=2 * READINGS, valid=VALID, dead=2 * DEAD, duplicates=VALID, loaded=twice_dead, **books)

    topology = Topology("air_quality")
    validated_ids = [json.loads(kept.value or b"")["message_id"] for kept in read_all(installation, topology.validated)]
    assert len(validated_ids) == len(set(validated_ids)) == VALID
    assert len(read_all(installation, topology.dead_letters)) == 2 * DEAD
    assert rows(installation, "SELECT count(*), count(DISTINCT message_id) FROM readings") == [[VALID, VALID]]
    codes = Counter({tuple(codes): number for codes, number in rows(
        installation, "SELECT codes, count(*) FROM dead_letters GROUP BY ALL"
    )})  # fmt: skip
    assert codes == {("null_critical",): 2 * DEAD}
