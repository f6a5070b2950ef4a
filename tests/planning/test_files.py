"""Where numbers come from: files, settings, the command line; later ones over earlier ones, each with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from iot_platform.errors import UsageError
from iot_platform.planning.files import EXAMPLE, Found, case_of, from_pairs, from_settings, read_prices, read_rates
from iot_platform.planning.inputs import Origin, Prices, Rates, fields_of
from iot_platform.planning.plan import plan_of
from iot_platform.planning.saving import rates_file
from iot_platform.settings import ValidatorSettings, load_settings


def test_the_built_in_rates_are_whole_and_each_was_measured_on_a_day_by_a_command() -> None:
    found = read_rates(None)
    assert set(found.values) == {one.name for one in fields_of(Rates)}
    for name, origin in found.origins.items():
        assert origin.kind == "measured", name
        day, command, *_ = origin.where.split(", ")
        assert date.fromisoformat(day)
        assert command.startswith(("iot-platform plan --measure", "python -m benchmarks.")), name


@pytest.mark.parametrize("devices", [1, 10, 1_000, 50_000, 1_000_000, 100_000_000])
def test_a_plan_by_the_built_in_rates_needs_no_less_for_twice_the_load(devices: int) -> None:
    given = Origin("given", "here")

    def needs(factor: int) -> dict[str, float]:
        load = {"devices": float(devices * factor), "readings_each_per_second": 1.0}
        plan = plan_of(case_of(Found(load, dict.fromkeys(load, given)).over(read_rates(None))))
        names = ("validators_cpu", "producers_cpu", "brokers_cpu", "kafka_disk", "network_in", "brokers", "machines")
        return {name: plan.value(name) for name in names}

    once, twice = needs(1), needs(2)
    assert all(twice[name] >= once[name] for name in once)


def test_the_example_of_prices_is_called_one_and_is_dated() -> None:
    found, currency = read_prices(EXAMPLE)
    assert set(found.values) == {one.name for one in fields_of(Prices)}
    assert currency
    for origin in found.origins.values():
        assert "EXAMPLE" in origin.where
        assert "dated 2026-" in origin.where


def test_saved_rates_are_read_again_as_measured_over_the_built_in_ones(tmp_path: Path) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(rates_file({"loader_memory": 123_456_789.0}, date(2026, 7, 1), "measuring it", "a machine"))
    found = read_rates(path)
    assert found.values["loader_memory"] == pytest.approx(123_456_789, rel=1e-3)
    assert found.origins["loader_memory"] == Origin("measured", "2026-07-01, measuring it, on a machine")
    assert found.values["broker_memory"] == read_rates(None).values["broker_memory"]


def test_rates_without_a_day_are_given_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[rates]\nloader_memory = 1e8\n")
    assert read_rates(path).origins["loader_memory"] == Origin("given", str(path))


MISTAKES = {
    "no TOML": ("[rates", "is not TOML"),
    "no table": ("loader_memory = 1\n", "is no file of rates"),
    "a name that is none": ("[rates]\nloader_memmory = 1\n", "the closest is loader_memory"),
    "no number": ('[rates]\nloader_memory = "much"\n', "is 'much', not a number"),
    "a truth": ("[rates]\nloader_memory = true\n", "is True, not a number"),
    "something else beside": ("[rates]\n[more]\n", "is no file of rates"),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_file_of_rates_is_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_rates(path)
    assert said in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_rates(tmp_path / "none.toml")


def test_prices_without_a_date_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text("vcpu_hour = 1\n")
    with pytest.raises(UsageError, match="have no date"):
        read_prices(str(path))


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("dead_share", "has no '='"),
        ("dead_share=much", "gives no number"),
        ("dead_shar=1", "the closest is dead_share"),
        ("=1", "is no number that a plan knows"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_sentence(pair: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_pairs([pair])
    assert said in caught.value.message


def test_settings_say_what_is_kept_and_where_ids_are(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path, validator=ValidatorSettings(dedup_store="rocksdb"))
    found = from_settings(settings, "iot_data")
    assert (found.values["rocksdb"], found.values["window_hours"]) == (1.0, 72.0)
    assert found.origins["raw_days"] == Origin("given", "setting streams.iot_data.retention.raw_days")


def test_the_later_goes_over_the_earlier() -> None:
    first = Found({"busy": 0.5, "full": 0.5}, {"busy": Origin("given", "a"), "full": Origin("given", "a")})
    both = from_pairs(["busy=0.7"]).over(first)
    assert both.values == {"busy": 0.7, "full": 0.5}
    assert [both.origins[name].where for name in ("busy", "full")] == ["--set", "a"]
