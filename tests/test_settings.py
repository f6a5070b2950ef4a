"""Settings: what is misspelt is told, with what was meant; nothing is silently left at its default."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from iot_platform.errors import SettingsError
from iot_platform.setting_names import closest, unknown_keys
from iot_platform.settings import Settings, StreamSettings, load_settings
from tests.support.processes import command


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("IOT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def told() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


MISSPELT = {
    "IOT_KAFKA__PORT": "IOT_KAFKA__BROKER_PORT",
    "IOT_STREAMS__MY_STREAM__WINDOW": "IOT_STREAMS__MY_STREAM__DEDUP_WINDOW_HOURS",
    "IOT_KAFAK__BROKER_PORT": "IOT_KAFKA__BROKER_PORT",
    "IOT_KAFKA_BROKER_PORT": "IOT_KAFKA__BROKER_PORT",
    "IOT_KAFKA__BROKERPORT": "IOT_KAFKA__BROKER_PORT",
    "IOT_KAFKA__BROKER_PORT__X": "IOT_KAFKA__BROKER_PORT",
    "IOT_STATEDIR": "IOT_STATE_DIR",
    "IOT_FAULTPIONT": "IOT_FAULTPOINT",
    "IOT_WAREHOUSE__LOAD_INTERVAL": "IOT_WAREHOUSE__LOAD_INTERVAL_SECONDS",
    "IOT_STREAMS__MY_STREAM__PARTITION": "IOT_STREAMS__MY_STREAM__PARTITIONS",
    "IOT_STREAMS__MY_STREAM__RETENTION__RAW": "IOT_STREAMS__MY_STREAM__RETENTION__RAW_DAYS",
    "IOT_FLEETS": "IOT_FLEET",
    "iot_instanz": "IOT_INSTANCE",
}


@pytest.mark.parametrize(("name", "meant"), MISSPELT.items())
def test_a_misspelt_variable_is_told_with_the_closest_setting(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert f"{name} is no setting; the closest is {meant}." in told()


@pytest.mark.parametrize("name", ["IOT_", "IOT___", "IOT_\N{SNOWMAN}", "IOT_[/red]"])
def test_a_variable_that_is_like_none_is_told_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert f"{name} is no setting; the closest is IOT_" in told()


def test_every_mistake_is_told_at_once_and_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("iot.toml").write_text(
        "instanse = 'a'\n[kafka]\nbrokerport = 1\n[producers]\nx = 1\n[streams.s]\nkatalog = ''\n"
    )
    monkeypatch.setenv("IOT_STATEDIR", "x")
    text = told()
    for name, meant in {
        "IOT_STATEDIR": "IOT_STATE_DIR",
        "instanse in iot.toml": "instance",
        "kafka.brokerport in iot.toml": "kafka.broker_port",
        "producers in iot.toml": "producer",
        "streams.s.katalog in iot.toml": "streams.s.catalogue",
    }.items():
        assert f"{name} is no setting; the closest is {meant}" in text


def test_the_command_line_leaves_with_2_and_one_sentence() -> None:
    environment = {**os.environ, "IOT_FLEET__RAT": "5", "IOT_[/x]": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command("lag"), env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "error: The settings do not hold: IOT_FLEET__RAT is no setting; the closest is IOT_FLEET__RATE" in done.stderr
    )
    assert "IOT_[/x] is no setting" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_a_setting_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "IOT_FAULTPOINT": "a:kill",
        "IOT_STREAMS__MINE__RETENTION__RAW_DAYS": "2",
        "iot_kafka__broker_port": "3000",
        "IOT_KAFKA__PROPERTIES__security.protocol": "SSL",
        "IOT_VALIDATOR": '{"batch_max": 7}',
        "PATH_TO_IOT": "x",
    }.items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "mine.toml"
    config.write_text('instance = "i"\n[kafka]\nbroker_port = 4000\nheap_mb = 300\n[kafka.properties]\n"a.b" = "c"\n')
    monkeypatch.setenv("IOT_CONFIG", str(config))
    settings = load_settings()
    assert settings.streams["mine"].retention.raw_days == 2
    assert (settings.faultpoint, settings.instance, settings.validator.batch_max) == ("a:kill", "i", 7)
    assert (settings.kafka.broker_port, settings.kafka.heap_mb) == (3000, 300)
    assert settings.kafka.properties == {"a.b": "c", "security.protocol": "SSL"}


def test_no_limit_can_be_said_where_there_is_no_null(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("iot.toml").write_text('[streams.history]\nmax_age_seconds = "none"\n[warehouse]\nretention_days = "none"\n')
    monkeypatch.setenv("IOT_STREAMS__HISTORY__MAX_AHEAD_SECONDS", "None")
    settings = load_settings()
    history = settings.streams["history"]
    assert (history.max_age_seconds, history.max_ahead_seconds) == (None, None)
    assert settings.warehouse.retention_days is None


def test_one_changed_option_of_a_built_in_stream_leaves_its_others(monkeypatch: pytest.MonkeyPatch) -> None:
    built_in = load_settings().streams["air_quality"]
    monkeypatch.setenv("IOT_STREAMS__AIR_QUALITY__PARTITIONS", "6")
    changed = load_settings().streams["air_quality"]
    assert changed == built_in.model_copy(update={"partitions": 6})


def test_one_option_of_one_stream_takes_no_other_stream_away(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("iot.toml").write_text("[streams.greenhouse]\npartitions = 2\n")
    monkeypatch.setenv("IOT_STREAMS__IOT_DATA__PARTITIONS", "6")
    streams = load_settings().streams
    assert {name: options.partitions for name, options in streams.items()} == {
        "iot_data": 6,
        "air_quality": 3,
        "greenhouse": 2,
    }
    assert streams["air_quality"].max_age_seconds is None


def test_a_built_in_stream_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("iot.toml").write_text('[streams]\niot_data = "none"\n[streams.greenhouse]\npartitions = 2\n')
    assert set(load_settings().streams) == {"air_quality", "greenhouse"}
    monkeypatch.setenv("IOT_STREAMS__AIR_QUALITY", "None")
    assert set(load_settings().streams) == {"greenhouse"}
    monkeypatch.setenv("IOT_STREAMS__IOT_DATA__PARTITIONS", "1")  # the environment wins
    assert set(load_settings().streams) == {"iot_data", "greenhouse"}


def test_streams_that_a_program_names_are_just_those() -> None:
    assert set(load_settings(streams={"mine": StreamSettings()}).streams) == {"mine"}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("IOT_CONFIG", "nowhere.toml", "There is no file nowhere.toml"),
        ("IOT_KAFKA", "localhost:29092", "must be JSON"),
        ("IOT_KAFKA", '{"brokerport": 1}', "IOT_KAFKA__BROKERPORT"),
        (
            "IOT_STREAMS__IOT_DATA__DEDUP_WINDOW_HOURS",
            "721",
            "IOT_STREAMS__IOT_DATA: the ledger is kept for 30 days, less",
        ),
        ("IOT_KAFKA__BROKER_PORT", "80", "IOT_KAFKA__BROKER_PORT: Input should be greater than or equal to 1024"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert said in told()


@pytest.mark.parametrize("content", [b"a = [", b"\xff", b"a = 1\na = 2"])
def test_a_malformed_file_of_settings_is_one_sentence(content: bytes) -> None:
    Path("iot.toml").write_bytes(content)
    assert "iot.toml is not TOML" in told()


def test_the_most_validators_are_no_less_than_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOT_STREAMS__IOT_DATA__VALIDATORS", "3")
    monkeypatch.setenv("IOT_STREAMS__IOT_DATA__VALIDATORS_MOST", "2")
    assert "IOT_STREAMS__IOT_DATA: validators_most (2) is less than validators (3)" in told()
    monkeypatch.setenv("IOT_STREAMS__IOT_DATA__VALIDATORS_MOST", "none")
    assert load_settings().streams["iot_data"].validators_most is None


_KEYS = st.sampled_from(["kafka", "streams", "retention", "properties", "instance"]) | st.text(max_size=8)


@hypothesis_settings(deadline=None)  # what it takes depends on the document and on the machine
@given(st.recursive(st.dictionaries(_KEYS, st.integers()), lambda more: st.dictionaries(_KEYS, more)))
def test_of_any_document_what_is_no_setting_is_told_with_one_that_is(document: dict[str, object]) -> None:
    for place in unknown_keys(document, Settings):
        meant: object = 0
        for part in reversed(closest(place, Settings)):
            meant = {part: meant}
        assert isinstance(meant, dict)
        assert not list(unknown_keys(meant, Settings))
