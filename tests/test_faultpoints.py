"""Points at which tests make a process fail: armed by a text, passed in silence unless they are due."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from iot_platform import faultpoints
from iot_platform.errors import SettingsError
from iot_platform.faultpoints import InjectedFaultError, faultpoint


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faultpoints.arm("")


def failures(name: str, key: str = "", passes: int = 4) -> list[int]:
    """The passes at which the point raised."""
    found = []
    for number in range(1, passes + 1):
        try:
            faultpoint(name, key)
        except InjectedFaultError:
            found.append(number)
    return found


@pytest.mark.parametrize(
    ("specification", "expected"),
    [("", []), ("a.b:raise", [1]), ("a.b:raise:3", [3]), ("a.b:raise:*", [1, 2, 3, 4]), ("a.c:raise", [])],
)
def test_a_point_fails_at_the_pass_that_is_named(specification: str, expected: list[int]) -> None:
    faultpoints.arm(specification)
    assert failures("a.b") == expected


def test_several_points_are_armed_at_once_and_each_counts_its_own_passes() -> None:
    faultpoints.arm("a:raise:2,b:raise:1")
    assert failures("a") == [2]
    assert failures("b") == [1]


def test_a_key_confines_a_point_to_its_passes() -> None:
    faultpoints.arm("a@sensor-7:raise:2")
    assert failures("a", "sensor-6") == failures("a") == []
    assert failures("a", "sensor-7") == [2]


def test_a_point_without_a_key_fails_for_any() -> None:
    faultpoints.arm("a:raise:*")
    assert failures("a", "sensor-7", passes=2) == [1, 2]


def test_arming_anew_forgets_what_was_armed() -> None:
    faultpoints.arm("a:raise:*")
    faultpoints.arm("b:raise")
    assert failures("a") == []


def test_a_point_may_only_be_slow() -> None:
    faultpoints.arm("a:sleep=0.2")
    began = time.monotonic()
    faultpoint("a")
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("specification", ["a", "a:die", "a:kill:0", "a:kill:x", "a:sleep", "a:kill,", ":kill"])
def test_what_is_no_point_is_refused_in_words(specification: str) -> None:
    with pytest.raises(SettingsError, match="IOT_FAULTPOINT"):
        faultpoints.arm(specification)


def test_a_kill_is_a_kill() -> None:
    code = "from iot_platform.faultpoints import arm, faultpoint; arm('a:kill'); faultpoint('b'); faultpoint('a')"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
