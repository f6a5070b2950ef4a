"""Dagster's own processes from outside: a table of looks and what is told of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iot_platform.supervision.observing import down_signal
from iot_platform.supervision.own_processes import Seen, is_starting, loader_signals, own_signals
from iot_platform.supervision.slots import Role, Slot
from iot_platform.supervision.supervisor import ProgramState

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


def state(name: str, word: str = "RUNNING", uptime_seconds: float = 3_600) -> ProgramState:
    return ProgramState(name, word, 1, uptime_seconds)


WELL = Seen(
    states=[state("code-server"), state("daemon"), state("webserver")],
    silent=frozenset(),
    exits={},
    evaluated_at=NOW - timedelta(seconds=80),
    patience_seconds=90,
)
YOUNG = [state(name, uptime_seconds=9) for name in ("code-server", "daemon", "webserver")]


def told(seen: Seen) -> dict[str, str]:
    return {one.name: one.text for one in own_signals(seen, NOW) if one.level != "ok"}


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (WELL, {}),
        (replace(WELL, states=[*WELL.states[:1], state("daemon", "FATAL"), WELL.states[2]]),
         {"daemon_down": "daemon does not run (fatal)"}),
        (replace(WELL, states=WELL.states[1:]), {"code_server_down": "code-server does not run (unknown"}),
        (replace(WELL, exits={"webserver": 3}), {"webserver_down": "webserver ended 3 times in the last five minutes"}),
        (replace(WELL, silent=frozenset({"webserver"})), {"webserver_down": "webserver runs and takes no connections"}),
        (replace(WELL, silent=frozenset({"webserver"}), states=YOUNG), {}),  # it is starting
        (replace(WELL, evaluated_at=NOW - timedelta(seconds=91)),
         {"daemon_down": "daemon runs, and its sensor watch has evaluated no alerts for 91 s"}),
        (replace(WELL, evaluated_at=NOW - timedelta(days=1), states=YOUNG), {}),
        (replace(WELL, evaluated_at=None), {}),  # it never has: nothing says that it should have by now
    ],
)  # fmt: skip
def test_what_is_told_of_dagsters_processes(seen: Seen, words: dict[str, str]) -> None:
    found = told(seen)
    assert found.keys() == words.keys()
    for name, text in words.items():
        assert found[name].startswith(text)


def test_a_loader_that_should_run_and_does_not_is_told_where_there_is_one() -> None:
    assert loader_signals([state("daemon")], NOW) == []
    assert loader_signals([state("loader")], NOW) == []
    (signal,) = loader_signals([state("loader", "FATAL")], NOW)
    assert (signal.kind, signal.name, signal.text) == (
        "stream", "not_running", "loader should run and does not (fatal); see loader.log.",
    )  # fmt: skip


def test_a_daemon_is_starting_for_two_minutes() -> None:
    assert is_starting(YOUNG)
    assert not is_starting(WELL.states)
    assert not is_starting([state("daemon", "BACKOFF", 0)])


def test_what_is_well_says_so_for_nobody_else_can() -> None:
    assert [one.level for one in own_signals(WELL, NOW)] == ["ok", "ok", "ok"]


@pytest.mark.parametrize(
    ("failures", "name", "text"),
    [
        (0, "not_running", "validator-s-0 should run and does not."),
        (2, "not_running", "validator-s-0 should run and does not."),
        (3, "failing", "validator-s-0 failed 3 times in a row."),
    ],
)
def test_a_slot_that_should_run_is_down_and_failing_after_three_failures(failures: int, name: str, text: str) -> None:
    signal = down_signal(Slot(Role.VALIDATOR, "s", 0), failures, NOW)
    assert (signal.name, signal.text, signal.stream, signal.level) == (name, text, "s", "error")
