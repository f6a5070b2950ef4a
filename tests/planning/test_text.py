"""What a person and a program read of a plan."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from iot_platform.cli.main import app
from iot_platform.errors import UsageError
from iot_platform.planning.plan import plan_of
from iot_platform.planning.quantities import amount
from iot_platform.planning.text import plan_text
from tests.planning.cases import case

AMOUNTS = [
    (0, "bytes", "0 bytes"),
    (999, "bytes", "999 bytes"),
    (1_500, "bytes", "1.5 kB"),
    (2.4e15, "bytes", "2.4 PB"),
    (5e18, "bytes", "5,000 PB"),
    (1.25e8, "bytes/s", "125 MB/s"),
    (0.351, "share", "35.1 %"),
    (12, "share", "1,200 %"),
    (1_234.5, "per s", "1,234 per s"),
    (0.123, "cores", "0.123 cores"),
    (12.34, "cores", "12.3 cores"),
    (3, "count", "3"),
    (90, "s", "90 s"),
    (0.00123, "s", "0.00123 s"),
    (6_000, "s", "100 min"),
    (12.5, "money", "12.50 EUR"),
    (12_345.6, "money", "12,346 EUR"),
]


@pytest.mark.parametrize(("value", "unit", "text"), AMOUNTS)
def test_amounts_are_short_and_have_their_unit(value: float, unit: str, text: str) -> None:
    assert amount(value, unit, "EUR") == text


def test_every_line_says_what_kind_of_numbers_it_rests_on() -> None:
    text = plan_text(plan_of(case(devices=1e6)))
    figures = text.partition("What would not hold")[0].split("\n\n", 1)[1]
    lines = [line for line in figures.splitlines() if line.startswith("  ")]
    assert len(lines) > 25
    assert all(line.rstrip().endswith("]") for line in lines)


def test_a_plan_that_holds_says_so() -> None:
    assert "What would not hold\n  Nothing: " in plan_text(plan_of(case(devices=10)))


def test_headroom_is_stated() -> None:
    assert "60 % busy, disks and memory 70 % full" in plan_text(plan_of(case()))


def test_the_command_plans_a_million_a_second_and_tells_what_would_not_hold() -> None:
    done = CliRunner().invoke(app, ["plan", "--devices", "1000000", "--rate", "1", "--prices", "example", "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    lines = {line["name"]: line for line in document["lines"]}
    assert lines["readings"]["value"] == 1_000_000
    assert lines["cost"]["unit"] == "money"
    assert {"one_writer", "ids_in_memory"} <= {limit["name"] for limit in document["would_not_hold"]}
    for line in lines.values():
        assert set(line["rests_on"]) <= set(document["inputs"])
    assert {entry["kind"] for entry in document["inputs"].values()} == {"measured", "given", "assumed"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--devices", "0"], "devices (sensors that send) is 0"),
        (["--devices", "1e300"], "devices (sensors that send) is 1e+300"),
        (["--devices", "nan"], "devices (sensors that send) is nan"),
        (["--devices", "10", "--rate", "-1"], "readings_each_per_second (readings of one sensor a second) is -1"),
        (["--devices", "10", "--set", "busy=2"], "busy (how busy processes and machines may be"),
        (["--devices", "10", "--rates", "none.toml"], "none.toml cannot be read"),
        (["--devices", "10", "--stream", "none"], "There is no stream 'none'"),
    ],
)
def test_bad_input_is_a_sentence(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["plan", *arguments])
    assert done.stdout == ""
    assert isinstance(done.exception, UsageError)
    assert said in done.exception.message
