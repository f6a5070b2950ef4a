"""Levels: one file; what does not hold is one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.errors import SettingsError
from iot_platform.quality.checks import CHECKS
from iot_platform.quality.levels import Levels, load_levels


def test_the_built_in_file_has_levels_for_every_check() -> None:
    assert set(load_levels(None)) == set(CHECKS)


def test_a_file_replaces_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "levels.toml"
    path.write_text("[lag]\nwarn = 1\nerror = 2.5\n")
    levels = load_levels(path)
    assert levels["lag"] == Levels(1, 2.5)
    assert levels["freshness"] == load_levels(None)["freshness"]


@pytest.mark.parametrize(("figure", "status"), [(0.99, "pass"), (1, "warn"), (1.99, "warn"), (2, "error")])
def test_a_level_is_reached_at_its_figure(figure: float, status: str) -> None:
    assert Levels(1, 2).status(figure) == status


def test_a_share_of_few_is_an_error_too_and_stays_where_a_file_names_none(tmp_path: Path) -> None:
    assert [Levels(1, 10, 0.25).status(2, share) for share in (0.24, 0.25)] == ["warn", "error"]
    path = tmp_path / "levels.toml"
    path.write_text("[silent_sensors]\nwarn = 2\nerror = 5\n")
    assert load_levels(path)["silent_sensors"] == Levels(2, 5, load_levels(None)["silent_sensors"].error_share)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[lag", "Expected ']'"),
        (b"\xff", "byte 0 is not UTF-8"),
        (b"[lags]\nwarn = 1\nerror = 2", "there is no check 'lags'; there are dead_letter_share"),
        (b"[lag]\nwarn = 1", "missing required field `error`"),
        (b"[lag]\nwarn = 1\nerror = 2\nwarm = 3", "unknown field `warm`"),
        (b"[lag]\nwarn = 'much'\nerror = 2", "`float`"),
        (b"[lag]\nwarn = 3\nerror = 2", "0 < warn <= error, not warn 3 and error 2"),
        (b"[lag]\nwarn = 0\nerror = 2", "0 < warn"),
        (b"[lag]\nwarn = nan\nerror = 2", "0 < warn"),
        (b"[lag]\nwarn = 1\nerror = inf", "0 < warn"),
        (b"lag = 3", "object"),
        (b"[lag]\nwarn = 1\nerror = 2\nerror_share = 2", "0 < error_share <= 1, not 2"),
    ],
)
def test_a_file_that_does_not_hold_is_refused_in_a_sentence(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "levels.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        load_levels(path)
    assert complaint in refused.value.message
    assert str(path) in refused.value.message
    assert "quality.levels" in refused.value.next_step


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="it cannot be read"):
        load_levels(tmp_path / "none.toml")
