"""The drill of a slow validator: its plots, its settings, and, as a user would run it, the whole of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from iot_platform.drills.installation import environment_of
from iot_platform.drills.lag import SLOWED, LagPlan, settings_of
from iot_platform.drills.plots import Event, Sample, svg_plot, text_plot
from iot_platform.faultpoints import arm, is_armed
from iot_platform.settings import load_settings
from tests.support.drills import held_outcome

SAMPLES = [Sample(second, 100 * min(second, 100 - second), 1 + (second >= 40)) for second in range(100)]
EVENTS = [Event(5, "slow <here>"), Event(40, "a second one")]


def test_the_plot_for_a_terminal_shows_what_waited_how_many_ran_and_what_happened_when() -> None:
    waiting, validators, marks, *told = text_plot(SAMPLES, EVENTS, width=50)
    assert "█" in waiting
    assert waiting.endswith("at most 5,000")
    assert set(validators.split()[1][:20]) == {"1"}
    assert set(validators.split()[1][-28:]) == {"2"}
    assert marks.index("1") < marks.index("2")
    assert [line.strip() for line in told] == ["1 slow <here> (5 s)", "2 a second one (40 s)"]
    assert text_plot([], []) == []


def test_a_plot_of_nothing_that_waited_is_flat_and_no_error() -> None:
    flat = [Sample(second, 0, 1) for second in range(3)]
    assert "█" not in text_plot(flat, [])[0]
    ET.fromstring(svg_plot(flat, [], "nothing"))


def test_the_picture_is_sound_stands_alone_and_escapes_what_it_is_told() -> None:
    drawn = svg_plot([*SAMPLES, Sample(101, None, 2)], EVENTS, "A & B")
    root = ET.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert "slow &lt;here&gt;" in drawn
    assert "<script" not in drawn
    assert "href" not in drawn


def test_validators_are_as_slow_as_the_drills_own_file_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = settings_of(tmp_path, tmp_path, LagPlan(rate=300, seconds=1))
    for name, value in environment_of(made, {"faultpoint"}).items():
        monkeypatch.setenv(name, value)
    for faultpoint in ("", SLOWED, ""):
        (tmp_path / "iot.toml").write_text(f'faultpoint = "{faultpoint}"\n', encoding="utf-8")
        arm(load_settings().faultpoint)
        assert is_armed("validator.after_begin") is bool(faultpoint)
    assert load_settings().streams == made.streams


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(1_500)
def test_lag_comes_and_goes_with_the_number_of_validators_and_nothing_is_lost(tmp_path: Path) -> None:
    plot = tmp_path / "lag.svg"
    outcome = held_outcome("lag", "--plot", str(plot), timeout_seconds=1_400)
    assert len(outcome["claims"]) == 8
    assert ET.parse(plot).getroot().tag.endswith("svg")
