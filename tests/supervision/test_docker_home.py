"""The instance for containers: loaded by Dagster, with the real launcher, whose containers get what a stream needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster_docker import DockerRunLauncher

from iot_platform.setting_names import ENV_PREFIX
from iot_platform.settings import ValidatorSettings, load_settings
from iot_platform.stream.producer.run import FLUSH_SECONDS
from iot_platform.supervision.dagster_home import TEMPLATES
from iot_platform.supervision.orchestrated import _STOP_SECONDS

FILE = TEMPLATES / "docker" / "dagster.yaml"
_LOOK_SECONDS = 1.0
"""A stream looks for a stop at least this often."""

DEPLOYMENT = {
    "DAGSTER_DOCKER_NETWORK": "iot",
    "DAGSTER_POSTGRES_HOST": "postgres",
    "DAGSTER_POSTGRES_DB": "dagster",
    "DAGSTER_POSTGRES_USER": "dagster",
    "DAGSTER_POSTGRES_PASSWORD": "given by the deployment",
    "IOT_CONFIG": "/var/lib/iot/iot.toml",
    "IOT_INSTANCE": "plant-1",
    "IOT_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
    "IOT_STATE_DIR": "/var/lib/iot/state",
}


@dataclass
class Container:
    """A container that remembers what it was asked."""

    id: str = "c0"
    stopped_with: list[dict[str, Any]] = field(default_factory=list)

    def start(self) -> None: ...

    def stop(self, **options: Any) -> None:
        self.stopped_with.append(options)


@dataclass
class Engine:
    """As much of a Docker engine as the launcher asks for."""

    container: Container = field(default_factory=Container)
    created_with: list[dict[str, Any]] = field(default_factory=list)

    @property
    def containers(self) -> Engine:
        return self

    def create(self, **options: Any) -> Container:
        self.created_with.append(options)
        return self.container

    def get(self, _container_id: str) -> Container:
        return self.container


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(FILE, tmp_path)
    for name, value in {**DEPLOYMENT, "DAGSTER_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as made:
        yield made


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> DockerRunLauncher:
    assert isinstance(instance.run_launcher, DockerRunLauncher)
    return instance.run_launcher


@pytest.fixture
def engine(launcher: DockerRunLauncher, monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(launcher, "_get_client", lambda _context: made)
    return made


@dg.job
def _stream() -> None: ...


def launched(instance: dg.DagsterInstance, launcher: DockerRunLauncher) -> dg.DagsterRun:
    run = instance.create_run_for_job(_stream, status=dg.DagsterRunStatus.STARTED)
    launcher._launch_container_with_command(run, "iot-platform:1", ["dagster", "api", "execute_run"])
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def test_dagster_loads_it_with_the_launcher_and_the_queue(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, DockerRunLauncher)
    assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
    assert not instance.telemetry_enabled
    assert instance.run_monitoring_enabled
    assert instance.run_launcher.supports_check_run_worker_health, "a container that died is noticed"
    assert instance.run_monitoring_max_resume_run_attempts == 0


def test_what_it_shares_with_the_default_one_says_the_same() -> None:
    template = Template((TEMPLATES / "dagster.yaml").read_text(encoding="utf-8"))
    default = yaml.safe_load(template.substitute(max_concurrent_runs=25, retention_days=14))
    ours = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert ours.keys() - default.keys() == {"run_launcher"}
    assert ours["run_monitoring"].pop("max_resume_run_attempts") == 0
    assert {name: ours[name] for name in default} == default


def test_a_container_has_the_settings_the_network_and_the_volume_of_a_stream(
    instance: dg.DagsterInstance, launcher: DockerRunLauncher, engine: Engine, home: Path
) -> None:
    run = launched(instance, launcher)
    (created,) = engine.created_with
    environment = created["environment"]
    passed = {name: value for name, value in DEPLOYMENT.items() if name != "DAGSTER_DOCKER_NETWORK"}
    assert environment == {**passed, "DAGSTER_HOME": str(home), "DAGSTER_RUN_JOB_NAME": "_stream"}
    assert created["network"] == "iot"
    assert created["volumes"] == ["iot_state:/var/lib/iot"]
    assert created["labels"]["dagster/run_id"] == run.run_id
    assert created["auto_remove"] is True
    assert created["init"] is True
    assert DEPLOYMENT["IOT_STATE_DIR"].startswith("/var/lib/iot/"), "the state is on the volume"


def test_every_setting_that_is_passed_is_one(launcher: DockerRunLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IOT_CONFIG")
    names = [name for name in launcher.env_vars if name.startswith(ENV_PREFIX)]
    assert {"IOT_CONFIG", "IOT_INSTANCE", "IOT_STATE_DIR"} <= set(names)
    settings = load_settings()
    assert (settings.instance, settings.bootstrap_servers) == ("plant-1", "kafka:9092")


def test_a_variable_that_the_daemon_lacks_fails_the_start_by_name(
    instance: dg.DagsterInstance, launcher: DockerRunLauncher, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IOT_INSTANCE")
    with pytest.raises(Exception, match="IOT_INSTANCE"):
        launched(instance, launcher)
    assert not engine.created_with


def test_terminate_gives_a_stream_longer_than_its_flush_and_its_transaction(
    instance: dg.DagsterInstance, launcher: DockerRunLauncher, engine: Engine
) -> None:
    run = launched(instance, launcher)
    assert launcher.terminate(run.run_id)
    (asked,) = engine.container.stopped_with
    needed = _LOOK_SECONDS + FLUSH_SECONDS + ValidatorSettings().transaction_timeout_seconds
    assert needed < asked["timeout"] == 30
    assert asked["timeout"] < instance.run_monitoring_cancel_timeout_seconds, "the run is not called over before"
    assert asked["timeout"] < _STOP_SECONDS, "a drain waits for it"


def test_the_launcher_keeps_the_stop_time_out_for_itself(
    instance: dg.DagsterInstance, launcher: DockerRunLauncher, engine: Engine
) -> None:
    launched(instance, launcher)
    assert "stop_timeout" not in engine.created_with[0], "else the file's comment on `docker stop` is out of date"
