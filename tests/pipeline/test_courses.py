"""What is kept of looks between processes: each look once, no seconds in place of minutes, nothing for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.pipeline.courses import added, with_look
from iot_platform.pipeline.lag import chosen, own_groups
from iot_platform.settings import Settings, StreamSettings, load_settings
from iot_platform.stream.groups import ClusterLook, GroupLook
from iot_platform.stream.offsets import PartitionFigures

EVERY_MS = 30_000


@pytest.fixture
def chosen_settings(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path, streams={"s": StreamSettings()})


def look(at_ms: int, *groups: str, end: int = 100, committed: int = 50) -> ClusterLook:
    figures = PartitionFigures("raw_s", 0, 0, end, end, committed, None, at_ms)
    return ClusterLook(at_ms, tuple(GroupLook(group, "STABLE", (figures,)) for group in groups), {}, ())


def ends(settings: Settings, seen: ClusterLook) -> list[int]:
    course = with_look(settings, seen)["a"]["raw_s", 0]
    return [each.end for each in course.looks]


def test_looks_of_different_processes_make_one_course(chosen_settings: Settings) -> None:
    for number in range(3):
        found = ends(chosen_settings, look(number * EVERY_MS, "a", end=100 + number))
    assert found == [100, 101, 102]


def test_who_asks_again_and_again_sees_the_newest_and_shortens_no_course(chosen_settings: Settings) -> None:
    ends(chosen_settings, look(0, "a"))
    for number in range(20):
        assert ends(chosen_settings, look(1_000 + number, "a", end=101 + number)) == [100, 101 + number]
    assert ends(chosen_settings, look(EVERY_MS, "a", end=200)) == [100, 200]


def test_after_a_time_without_looks_as_long_as_a_course_it_begins_anew() -> None:
    before = added({}, look(0, "a"), 10, EVERY_MS)
    for gap_ms, expected in ((10 * EVERY_MS, 2), (10 * EVERY_MS + 1, 1), (-1, 1)):  # -1: a clock that was set back
        after = added(before, look(gap_ms, "a"), 10, EVERY_MS)
        assert len(after["a"]["raw_s/0"].looks) == expected


def test_a_group_that_is_not_in_a_look_is_kept_for_as_long_as_a_course_and_not_longer() -> None:
    both = added({}, look(0, "a", "b"), 10, EVERY_MS)
    assert set(added(both, look(EVERY_MS, "a"), 10, EVERY_MS)) == {"a", "b"}
    assert set(added(both, look(11 * EVERY_MS, "a"), 10, EVERY_MS)) == {"a"}


def test_a_file_that_cannot_be_read_is_begun_anew(chosen_settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    ends(chosen_settings, look(0, "a"))
    path = chosen_settings.state_dir / "lag" / "course.json"
    for content in (b"", b"{", b'{"a": 5}', b"\xff"):
        path.write_bytes(content)
        assert ends(chosen_settings, look(EVERY_MS, "a", end=7)) == [7]
    assert "is begun anew" in caplog.text


def test_groups_are_chosen_by_name_and_pattern() -> None:
    groups = ["billing", "billing-2", "loader-s", "Billing"]
    assert chosen(["*"], groups) == sorted(groups)
    assert chosen(["billing*", "loader-s"], groups) == ["billing", "billing-2", "loader-s"]
    assert chosen([], groups) == []


def test_our_own_groups_are_those_of_every_stream(chosen_settings: Settings) -> None:
    assert own_groups(chosen_settings) == {
        "validator-s": ("raw_s",), "loader-s": ("validated_s", "s_dlq", "s_ledger"),
    }  # fmt: skip
