"""The endpoint: on loopback, at the first free port, true also while the main thread is stuck, gone with the work."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from iot_platform.broker.ports import free_port
from iot_platform.clock import SystemClock
from iot_platform.health import serving
from iot_platform.lifecycle import Heartbeat
from iot_platform.settings import HealthSettings, Settings, load_settings
from tests.support.waiting import eventually

FACTS = {"phase": "running", "transactions": 0, "partitions": [0]}


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path, health=HealthSettings(port=free_port()))


def heartbeat_of(settings: Settings, name: str) -> Heartbeat:
    return Heartbeat(settings.heartbeat_dir / f"{name}.json", SystemClock())


def url_of(settings: Settings, name: str) -> str:
    beat = json.loads((settings.heartbeat_dir / f"{name}.json").read_text())
    return str(beat["health_url"])


def ask(url: str) -> tuple[int, dict[str, Any]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_it_answers_200_when_all_is_well_and_503_within_5_s_of_kafka_s_silence(here: Settings) -> None:
    kafka = {"answers": True}
    beats = heartbeat_of(here, "validator-s-0")
    with serving(here, "validator-s-0", beats, SystemClock(), lambda: lambda: kafka["answers"]):
        url = url_of(here, "validator-s-0")
        assert ask(url)[1]["problems"] == ["It is starting."]
        beats.beat(FACTS, now=True)
        eventually(lambda: ask(url)[0] == 200, 5)
        well = ask(url)[1]
        assert (well["name"], well["alive"], well["phase"]) == ("validator-s-0", True, "running")
        kafka["answers"] = False
        eventually(lambda: ask(url)[0] == 503, 5)
        beats.beat({**FACTS, "transactions": 1}, now=True)
        ill = ask(url)[1]
        assert ill["problems"] == [f"Kafka does not answer at {here.bootstrap_servers}."]
        assert ill["since"] > well["since"]
        assert ill["last_commit_age_seconds"] < 60
        kafka["answers"] = True
        eventually(lambda: ask(url)[0] == 200, 5)


def test_other_paths_are_not_found_and_only_this_machine_may_ask(here: Settings) -> None:
    with serving(here, "loader", heartbeat_of(here, "loader"), SystemClock(), lambda: lambda: True):
        url = url_of(here, "loader")
        assert url.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url.replace("health", "etc"), timeout=10)


def test_each_process_takes_the_first_free_port_and_is_listed_for_prometheus(here: Settings) -> None:
    first = here.health.port
    assert first is not None
    with socket.create_server(("127.0.0.1", first)), ExitStack() as stack:
        for name in ("a", "b"):
            beats = heartbeat_of(here, name)
            stack.enter_context(serving(here, name, beats, SystemClock(), lambda: lambda: True))
        ports = [int(url_of(here, name).split(":")[2].partition("/")[0]) for name in ("a", "b")]
        assert first < ports[0] < ports[1]
        (listed,) = json.loads((here.targets_dir / "a.json").read_text())
        assert listed == {"targets": [f"127.0.0.1:{ports[0]}"], "labels": {"process": "a"}}
    assert list(here.targets_dir.iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        ask(url_of(here, "a"))


def test_a_process_works_without_when_it_is_switched_off(here: Settings) -> None:
    off = here.model_copy(update={"health": HealthSettings(port=None)})
    beats = heartbeat_of(off, "a")
    with serving(off, "a", beats, SystemClock(), lambda: lambda: True):
        beats.beat(FACTS, now=True)
    assert "health_url" not in json.loads((off.heartbeat_dir / "a.json").read_text())
