"""What the looks of the last half minute say: rates of now, and what no further validator would mend."""

from __future__ import annotations

from datetime import UTC, datetime

from iot_platform.watch.lag.course import Course
from iot_platform.watch.lag.judging import Circumstances, judge_group
from iot_platform.watch.lag.verdict import GroupLag
from iot_platform.watch.scaling.known import Downstream, Load
from iot_platform.watch.scaling.measuring import downstream_of, load_of
from tests.watch.lag.courses import course, looked

EVERY_MS = 10_000
N = range(10)


def group(*courses: Course, kept: float | None = None) -> GroupLag:
    places = {("raw_s", number): one for number, one in enumerate(courses)}
    return judge_group(Circumstances("validator-s", "STABLE", kept_seconds={"raw_s": kept}), places, 9 * EVERY_MS)


def run(ends: list[int], committed: list[int], held: int = 0) -> Course:
    pairs = zip(ends, committed, strict=True)
    return course(looked(n * EVERY_MS, end, at, held=held) for n, (end, at) in enumerate(pairs))


def measured(one: GroupLag, since_ms: float = 0, span: float = 30.0) -> Load:
    return load_of(one, since_ms, span, allowed_seconds=10)


SLOWED = run([1_000 * n for n in N], [1_000 * min(n, 5) + 200 * max(0, n - 5) for n in N])
"""100 a second arrive; from the fifth look on only 20 are taken."""
LEVEL = run([1_000 * n for n in N], [1_000 * n for n in N])


def test_rates_are_of_the_newest_looks_and_not_of_the_whole_course() -> None:
    load = measured(group(SLOWED, LEVEL))
    assert load.measured_seconds == 30
    assert [(part.inflow, part.outflow, part.messages) for part in load.parts] == [(100, 20, 3_200), (100, 100, 0)]
    assert (load.messages, load.inflow, load.outflow) == (3_200, 200, 120)
    assert [part.lagging for part in load.parts] == [True, False]
    assert (load.behind, load.level, load.trouble) == (False, False, ""), "30 s ago no more waited than may"
    assert load.at == datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC)


def test_behind_is_who_was_behind_at_every_look_that_counts() -> None:
    assert measured(group(SLOWED), span=20).behind
    assert not measured(group(SLOWED), span=60).behind, "a minute ago it was level"
    assert measured(group(LEVEL)).level


def test_looks_from_before_a_change_do_not_count() -> None:
    load = measured(group(SLOWED), since_ms=7 * EVERY_MS)
    assert load.measured_seconds == 20
    assert load.parts[0].outflow == 20


def test_of_one_look_there_is_no_rate_and_nothing_was_measured() -> None:
    load = measured(group(run([50], [10])))
    assert (load.measured_seconds, load.inflow, load.outflow, load.messages) == (0, 0, 0, 40)
    assert measured(group(SLOWED), since_ms=10 * EVERY_MS).measured_seconds == 0, "not even the newest look is after"


def test_who_stands_still_is_told_with_its_place() -> None:
    load = measured(group(LEVEL, run([4_000 + 1_000 * n for n in N], [500] * 10)))
    assert load.trouble.startswith("raw_s/1: Stalled: it stands at offset 500")


def test_an_open_transaction_that_holds_back_is_told_with_its_place() -> None:
    held = run([5_000] * 10, [5_000] * 10, held=900)
    assert "raw_s/0: An open transaction has held back 900 offsets" in measured(group(held)).trouble


def test_that_retention_is_near_is_a_reason_for_more_and_not_against_it() -> None:
    near = group(SLOWED, kept=60.0)
    assert any(finding.code == "retention_near" for finding in near.partitions[0].findings)
    assert measured(near).trouble == ""


def test_a_loader_is_late_when_its_oldest_waits_for_longer_than_its_interval_explains() -> None:
    assert downstream_of(group(LEVEL), 180) == Downstream(0, 0.0, late=False)
    slow = group(run([1_000 * n for n in N], [500 + n for n in N]))
    assert downstream_of(slow, 60).late
    assert not downstream_of(slow, 600).late
