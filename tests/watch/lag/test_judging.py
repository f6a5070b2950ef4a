"""Each case has its status and its own words; a group is as bad as its worst partition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.watch.lag.cases import Limits
from iot_platform.watch.lag.course import Course, after
from iot_platform.watch.lag.judging import Circumstances, judge_group
from iot_platform.watch.lag.rules import Status
from iot_platform.watch.lag.verdict import GroupLag
from tests.watch.lag.courses import EVERY_MS, course, looked, run
from tests.watch.lag.test_figures import courses

N = range(10)
KEPT = {"raw": 7 * 86_400.0}
ALIVE = Circumstances("validator-s", "STABLE", kept_seconds=KEPT)
EMPTY = Circumstances("validator-s", "EMPTY", kept_seconds=KEPT)

GAINING = run([3_000 + 300 * n for n in N], [500 * n for n in N])
NEW_STALL = run([1_000 + 300 * n for n in N], [1_000 for _ in N])  # nothing waited at the first look
STALLED = run([1_200 + 300 * n for n in N], [1_000 for _ in N])
SLOW = run([1_400 + 300 * n for n in N], [900 + 100 * n for n in N])
LOADS = run([1_200 + 300 * n for n in N], [1_200 + 300 * (n - n % 2) for n in N], active=False)
IN_STEP = run([1_600 + 300 * n for n in N], [1_000 + 300 * n for n in N])
REWOUND = run([9_000 + 300 * n for n in N], [*[8_000 + 300 * n for n in range(6)], 2_000, 2_300, 2_600, 2_900])
STOPPED = course(
    [looked(n * EVERY_MS, 1_000 + 300 * n, 900 + 300 * n) for n in range(4)]
    + [looked(n * EVERY_MS, 1_000 + 300 * n, 1_800, active=False) for n in range(4, 16)]
)
HANGING = course([looked(n * EVERY_MS, 50 + min(n, 4), 50 + min(n, 4), held=9 * max(0, n - 3)) for n in N])
OLD = course([looked(n * EVERY_MS, 1_000 + 300 * n, 400, born=-7 * 86_400_000 + 3_600_000) for n in N])


def judged(seen: Course, known: Circumstances = ALIVE, limits: Limits | None = None) -> GroupLag:
    return judge_group(known, {("raw", 0): seen}, seen.now.at_ms, limits)


CASES: Mapping[str, tuple[Course, Circumstances, Status, str]] = {
    "all taken": (run([1_000 for _ in N], [1_000 for _ in N]), ALIVE, Status.OK, "validator-s has all."),
    "gaining": (GAINING, ALIVE, Status.OK, "validator-s keeps up"),
    "in step, but behind": (IN_STEP, ALIVE, Status.OK, "keeps up: 600 offsets wait, the oldest for 60 s."),
    "loads now and then": (LOADS, EMPTY, Status.OK, "keeps up: 300 offsets wait"),
    "stands since a moment": (NEW_STALL, ALIVE, Status.OK, "keeps up: 2,700 offsets wait"),
    "stalled": (
        STALLED,
        ALIVE,
        Status.STALLED,
        (
            "validator-s is stalled on 1 of 1 partitions. raw/0: Stalled: it stands at offset 1,000 for 4 min, while "
            "2,900 offsets wait, the oldest for at least 4 min."
        ),
    ),
    "falling behind": (
        SLOW,
        ALIVE,
        Status.WARNING,
        (
            "validator-s is behind on 1 of 1 partitions. raw/0: Falling behind: 2,300 offsets wait, the oldest "
            "for 4 min; it takes 3.3 a second of 10.0 that arrive."
        ),
    ),
    "went back": (
        REWOUND,
        ALIVE,
        Status.REWOUND,
        "raw/0: Rewound: it went back from offset 9,500 to 2,900; 8,800 offsets wait",
    ),
    "down": (
        STOPPED,
        EMPTY,
        Status.STOPPED,
        "validator-s is down: it has no member. raw/0: Stopped: no commit for 6 min, while 3,700 offsets wait",
    ),
    "paused": (
        STALLED,
        replace(ALIVE, paused=True),
        Status.PAUSED,
        "validator-s is paused on 1 of 1 partitions. raw/0: Paused: 2,900 offsets wait",
    ),
    "paused with nothing to read": (
        run([9 for _ in N], [9 for _ in N]),
        replace(ALIVE, paused=True),
        Status.OK,
        "validator-s has all.",
    ),
    "never committed, and there": (
        run([300 * n for n in N], [None for _ in N]),
        ALIVE,
        Status.STALLED,
        "raw/0: The group has members, and has not committed an offset here in 4 min. 2,700 offsets wait",
    ),
    "never committed, and not there": (
        run([300 * n for n in N], [None for _ in N], active=False),
        EMPTY,
        Status.STOPPED,
        (
            "validator-s is down: it has no member. raw/0: The group has never committed an offset here, and had no "
            "member for 4 min."
        ),
    ),
    "never committed, nothing there": (run([0 for _ in N], [None for _ in N]), ALIVE, Status.OK, "has all."),
    "an open transaction": (
        HANGING,
        ALIVE,
        Status.WARNING,
        (
            "validator-s is held back on 1 of 1 partitions. raw/0: An open transaction has held back 54 offsets for "
            "2 min: nobody who reads committed records gets beyond 54. Nothing waits."
        ),
    ),
    "retention took records": (
        run([9_000 + n for n in N], [100 for _ in N], low=4_000),
        ALIVE,
        Status.ERROR,
        (
            "validator-s is in trouble on 1 of 1 partitions. raw/0: Retention removed 3,900 offsets that the group has "
            "not taken: it stands at 100, the log begins at 4,000."
        ),
    ),
    "beyond the end": (
        run([9 for _ in N], [50 for _ in N]),
        ALIVE,
        Status.ERROR,
        "raw/0: The group stands at offset 50, but the log ends at 9: the topic was made anew, or the group was moved",
    ),
    "the log went back": (
        run([5_000, 12], [5_000, 12]),
        ALIVE,
        Status.ERROR,
        "raw/0: The log's end went back from 5,000 to 12: the topic was made anew, or its brokers lost records.",
    ),
    "retention is near": (
        OLD,
        ALIVE,
        Status.ERROR,
        (
            "raw/0: Retention may take the oldest record that waits in 56 min, and overtakes the group in 56 min at "
            "its present pace. Stalled: "
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_case_has_its_status_and_its_own_words(name: str) -> None:
    seen, known, status, text = CASES[name]
    verdict = judged(seen, known)
    assert verdict.status is status
    assert text in verdict.text


def test_half_a_window_is_needed_to_call_anybody_stalled_or_stopped() -> None:
    for known, active in ((ALIVE, True), (EMPTY, False)):
        seen = [looked(n * EVERY_MS, 1_200 + 300 * n, 1_000, active=active) for n in N]
        four, five = judged(course(seen[:4]), known), judged(course(seen[:5]), known)
        assert (four.status, four.complete) == (Status.OK, 0.0)
        assert four.text.endswith("Its course is known for 0 of 1 partitions only.")
        assert five.status is (Status.STALLED if active else Status.STOPPED)


def test_a_group_is_as_bad_as_its_worst_partition_and_adds_up() -> None:
    group = judge_group(ALIVE, {("raw", 0): GAINING, ("raw", 1): SLOW, ("raw", 2): STALLED}, 9 * EVERY_MS)
    assert [part.status for part in group.partitions] == [Status.OK, Status.WARNING, Status.STALLED]
    assert (group.status, group.complete) == (Status.STALLED, 1.0)
    assert group.text.startswith("validator-s is stalled on 1 of 3 partitions. raw/2: ")
    assert group.messages == sum(part.messages for part in group.partitions)
    assert group.seconds == max(part.behind.seconds for part in group.partitions)
    assert group.rates.inflow == pytest.approx(30.0)
    assert group.catch_up_seconds is None  # one that never catches up is one too many


def test_a_group_that_gains_everywhere_is_told_when_it_has_caught_up() -> None:
    behind = run([90_000 + 300 * n for n in N], [600 * n for n in N])
    group = judge_group(ALIVE, {("raw", 0): GAINING, ("raw", 1): behind}, 9 * EVERY_MS)
    slower = judge_group(ALIVE, {("raw", 1): behind}, 9 * EVERY_MS)
    assert group.catch_up_seconds == slower.catch_up_seconds == pytest.approx(87_300 / 10.0)
    assert "caught up in 2.4 h." in slower.partitions[0].text


def test_a_group_without_partitions_is_ok_and_says_so() -> None:
    nothing = judge_group(ALIVE, {}, 0)
    assert (nothing.status, nothing.complete, nothing.text) == (Status.OK, 0.0, "validator-s has no partition to read.")


@given(
    period_seconds=st.floats(20, 70),
    load_seconds=st.floats(0.1, 15),
    rate=st.integers(1, 2_000),
    phase_seconds=st.floats(0, 60),
)
def test_a_loader_that_keeps_pace_is_ok_at_every_look_of_an_hour(
    period_seconds: float, load_seconds: float, rate: int, phase_seconds: float
) -> None:
    """It loads all that is there, once a period, whatever the looks see of that: 30 s fit into no period."""
    seen = Course()
    for number in range(1, 121):
        at_seconds = 30.0 * number
        loads = 1 + math.floor((at_seconds - phase_seconds - load_seconds) / period_seconds)
        committed = int(rate * (phase_seconds + (loads - 1) * period_seconds)) if loads > 0 else None
        look = looked(int(1_000 * at_seconds), int(rate * at_seconds), committed, active=False)
        seen = after(seen, look, 10)
        if committed is not None:
            assert judged(seen, EMPTY).status is Status.OK


@given(courses())
def test_who_has_all_and_whose_offsets_are_not_in_doubt_is_never_worse_than_held_back(seen: Course) -> None:
    look = seen.now
    there = replace(look, committed=look.end)
    level = replace(seen, looks=(*seen.looks[:-1], there), back_step=None)
    assert judged(level).status in (Status.OK, Status.WARNING)


@given(courses())
def test_every_verdict_has_a_sentence_with_an_end(seen: Course) -> None:
    for known in (ALIVE, EMPTY, replace(ALIVE, paused=True)):
        verdict = judged(seen, known)
        assert verdict.text.endswith(".")
        assert all(part.text.endswith(".") for part in verdict.partitions)
