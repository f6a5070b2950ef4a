"""`streams scale` and `streams list`: how many validators, why, and who said so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from iot_platform.cli.main import app
from iot_platform.errors import UsageError
from iot_platform.settings import Settings
from iot_platform.supervision.slots import read_desired, validators_wanted
from tests.orchestration.here import installed


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    return installed(monkeypatch, tmp_path / "state", IOT_STREAMS__IOT_DATA__VALIDATORS_MOST="3")


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["streams", *arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def wanted(settings: Settings) -> int:
    return validators_wanted(settings, read_desired(settings), "iot_data")


def test_a_persons_number_is_taken_at_once_and_given_back(here: Settings) -> None:
    assert "2 validators (2). A person wants so many" in run("scale", "iot_data", "2").output
    assert wanted(here) == 2
    assert "2 validators (1 to 3). Nobody has looked at the lag yet." in run("scale", "iot_data", "--auto").output
    assert wanted(here) == 2, "scaling goes on from there"


def test_the_history_says_who_and_when(here: Settings) -> None:
    run("scale", "iot_data", "3")
    document = json.loads(run("scale", "iot_data", "--json").stdout)
    assert (document["wanted"], document["fixed"], document["least"], document["most"]) == (3, 3, 1, 3)
    assert [(one["before"], one["after"], one["who"]) for one in document["changes"]] == [(1, 3, "a person")]
    assert "Scaled out 1 → 3" in document["text"]
    assert "a person" in run("scale", "iot_data").output


def test_a_stream_that_is_not_scaled_says_which_setting_does_it(here: Settings) -> None:
    assert "with validators_most they follow the lag" in run("scale", "air_quality").output
    assert "2 validators (2)" in run("scale", "air_quality", "2").output
    assert "1, as streams.air_quality.validators says" in run("scale", "air_quality", "--auto").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("iot_data", "4"), "4 validators for 3 partitions"),
        (("iot_data", "2", "--auto"), "contradict each other"),
        (("nowhere",), "There is no stream 'nowhere'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    here: Settings, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run("scale", *arguments)
    assert wanted(here) == 1


def test_the_list_tells_of_scaling_below_its_table(here: Settings) -> None:
    assert "iot_data: 1 validator (1 to 3). Nobody has looked at the lag yet." in run("list").output
    assert json.loads(run("list", "--json").stdout)["scaling"]["air_quality"] is None
