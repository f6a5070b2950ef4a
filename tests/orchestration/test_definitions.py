"""What Dagster loads: complete for its readers, one asset a file of SQL, and one lineage from fleet to readers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths

from iot_platform.definitions import defs
from iot_platform.orchestration.assets.shown import OWNER, Group
from iot_platform.orchestration.automation import CYCLE, REPORT
from iot_platform.quality.checks import CHECKS
from iot_platform.quality.tables import MARTS
from iot_platform.settings import Settings
from iot_platform.supervision.dagster_home import PROJECT, WORKSPACE
from iot_platform.warehouse.schema import described_tables
from tests.orchestration.here import installed

TABLES = {"readings", "dead_letters", *MARTS}
GROUPS = {value for name, value in vars(Group).items() if name.isupper()}


@pytest.fixture
def repository(here: Settings) -> dg.RepositoryDefinition:
    """Everything, with the settings as they come."""
    return load()


def load() -> dg.RepositoryDefinition:
    made = defs()
    dg.Definitions.validate_loadable(made)
    return made.get_repository_def()


def specs_of(repository: dg.RepositoryDefinition) -> dict[str, dg.AssetSpec]:
    graph = repository.asset_graph
    return {key.to_user_string(): graph.get(key).to_asset_spec() for key in graph.get_all_asset_keys()}


def test_they_load_as_the_settings_come(repository: dg.RepositoryDefinition) -> None:
    assert {job.name for job in repository.get_all_jobs()} >= {
        "validator", "producer", "upkeep", CYCLE, "dlq_fix", "dlq_redrive", "dlq_park", "diagnose",
    }  # fmt: skip
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "keep_streams_running", "keep_loading", "keep_report_current", "watch", "scale_streams"
    }  # fmt: skip
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "upkeep_schedule", "daily_report_schedule", "weekly_report_schedule"
    }  # fmt: skip


def test_they_load_with_three_streams_and_no_fleet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    streams = '{"a": {}, "b": {"validators": 3}, "c": {"catalogue": "air_quality"}}'
    installed(monkeypatch, tmp_path, IOT_STREAMS=streams, IOT_FLEET__ENABLED="false", IOT_FLEET__STREAM="a")
    specs = specs_of(load())
    assert not [name for name in specs if name.endswith("_producers")]
    for stream in "abc":
        assert {f"raw_{stream}", f"validated_{stream}", f"{stream}_dlq", f"{stream}_ledger"} <= specs.keys()
        assert dg.AssetKey(f"validated_{stream}") in {dep.asset_key for dep in specs["readings"].deps}


def test_every_asset_says_what_it_is_who_owns_it_and_where_it_belongs(repository: dg.RepositoryDefinition) -> None:
    for name, spec in specs_of(repository).items():
        assert spec.description, name
        assert len(spec.description) > 40, name
        assert spec.description.rstrip(".").count(".") >= 1 or name in TABLES, f"{name}: what it is, and what to do"
        assert list(spec.owners) == [OWNER], name
        assert spec.kinds, name
        assert spec.group_name in GROUPS, name


def test_every_table_shows_its_columns(repository: dg.RepositoryDefinition) -> None:
    specs, tables = specs_of(repository), described_tables()
    for name in TABLES:
        shown = specs[name].metadata["dagster/column_schema"]
        schema = getattr(shown, "schema", shown)
        shown_columns = [(column.name, column.type, column.description or "") for column in schema.columns]
        assert shown_columns == tables[name], name


def test_each_file_of_a_mart_has_one_asset_and_each_built_asset_one_file(repository: dg.RepositoryDefinition) -> None:
    specs = specs_of(repository)
    files = {path.stem for path in (PROJECT / "sql" / "marts").glob("*.sql")}
    built = {name for name, spec in specs.items() if spec.group_name == Group.QUALITY}
    assert files == built
    for name in files:
        assert f"`sql/marts/{name}.sql`" in str(specs[name].description)


def test_every_check_belongs_to_the_asset_of_its_table(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    found = {key.name: key.asset_key.to_user_string() for key in graph.asset_check_keys}
    assert found == {name: check.table for name, check in CHECKS.items()}
    assert set(found.values()) <= specs_of(repository).keys()
    for key in graph.asset_check_keys:
        assert "levels.toml" in str(graph.get_check_spec(key).description)


def test_the_lineage_leads_from_the_fleet_to_the_copy_for_readers(repository: dg.RepositoryDefinition) -> None:
    specs = specs_of(repository)
    upstream = {name: {dep.asset_key.to_user_string() for dep in spec.deps} for name, spec in specs.items()}
    assert reach(upstream.__getitem__, REPORT) == specs.keys() - {REPORT}, "nothing stands apart"
    assert upstream[REPORT] == {"readers_copy"}
    assert not upstream["iot_data_producers"]


def test_every_table_that_is_made_hangs_below_what_it_is_made_from(repository: dg.RepositoryDefinition) -> None:
    specs = specs_of(repository)
    for mart in MARTS.values():
        upstream = {dep.asset_key.to_user_string() for dep in specs[mart.name].deps}
        assert upstream >= set(mart.sources) - {"ledger"}, mart.name
        assert upstream, mart.name


def reach(upstream: Callable[[str], set[str]], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = upstream(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def test_a_cycle_takes_every_asset_that_is_built_and_every_check(repository: dg.RepositoryDefinition) -> None:
    job = repository.get_job(CYCLE)
    selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert selected == TABLES | {"readers_copy"}
    assert {key.name for key in job.asset_layer.asset_graph.asset_check_keys} == CHECKS.keys()
    assert isinstance(job.partitions_def, dg.HourlyPartitionsDefinition)
    assert job.executor_def is dg.in_process_executor


def test_what_opens_the_warehouse_waits_for_its_turn(repository: dg.RepositoryDefinition) -> None:
    for node in repository.get_job(CYCLE).nodes:
        assert isinstance(node.definition, dg.OpDefinition)
        assert node.definition.pool == "duckdb", node.name


def test_all_that_happens_by_itself_is_on_from_the_start(repository: dg.RepositoryDefinition) -> None:
    for sensor in repository.sensor_defs:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING, sensor.name
        assert sensor.description, sensor.name
    for schedule in repository.schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING, schedule.name


def test_the_watch_looks_as_often_as_the_setting_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, tmp_path, IOT_DAGSTER__WATCH_INTERVAL_SECONDS="45")
    assert load().get_sensor_def("watch").minimum_interval_seconds == 45


def test_importing_them_reads_no_setting_and_opens_nothing(tmp_path: Path) -> None:
    code = "import iot_platform.definitions, sys; assert 'polars' not in sys.modules; assert 'numpy' not in sys.modules"
    variables = {**os.environ, "IOT_NO_SUCH_SETTING": "1"}
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**variables, "PYTHONPATH": str(PROJECT)}, check=True
    )
    assert not list(tmp_path.iterdir())


def test_dg_check_defs_is_content(here: Settings, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    done = subprocess.run(
        [Path(sys.executable).with_name("dg"), "check", "defs"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workspace_names_one_code_server_on_the_port_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOT_DAGSTER__CODE_SERVER_PORT", "4267")
    (origin,) = location_origins_from_yaml_paths([str(WORKSPACE)])
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert (origin.location_name, origin.host, origin.port) == ("iot_platform", "127.0.0.1", 4267)
