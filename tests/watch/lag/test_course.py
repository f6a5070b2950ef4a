"""Looks become a course: which of them show a commit, what is kept, and how it begins anew."""

from __future__ import annotations

import msgspec

from iot_platform.watch.lag.course import BackStep, Course, after, begun_anew
from tests.watch.lag.courses import course, looked, run


def test_a_member_that_stands_still_commits_the_same_again_and_who_is_gone_commits_nothing() -> None:
    there = run([10, 20, 30], [5, 5, 5])
    gone = run([10, 20, 30], [5, 5, 5], active=False)
    assert [(commit.offset, commit.at_ms, commit.lag) for commit in there.commits] == [
        (5, 0, None), (5, 30_000, 5), (5, 60_000, 15),
    ]  # fmt: skip
    assert [(commit.offset, commit.at_ms) for commit in gone.commits] == [(5, 0)]


def test_an_offset_that_changed_is_a_commit_also_of_a_group_without_members() -> None:
    loads = run([10, 20, 30, 40], [5, 5, 25, 25], active=False)
    assert [(commit.offset, commit.at_ms) for commit in loads.commits] == [(5, 0), (25, 60_000)]


def test_the_lag_of_a_commit_is_of_what_was_there_at_the_look_before() -> None:
    loads = run([100, 200, 300], [100, 100, 200], active=False)
    assert [(commit.offset, commit.lag) for commit in loads.commits] == [(100, None), (200, 0)]


def test_before_the_first_commit_there_is_none() -> None:
    assert run([10, 20], [None, None]).commits == ()


def test_the_last_looks_are_kept_and_the_last_commits_however_old() -> None:
    stopped = course(
        [looked(n * 1000, 10 * n, 10 * n) for n in range(5)]
        + [looked(n * 1000, 10 * n, 40, active=False) for n in range(5, 20)],
        size=4,
    )
    assert [look.at_ms for look in stopped.looks] == [16_000, 17_000, 18_000, 19_000]
    assert [commit.at_ms for commit in stopped.commits] == [1_000, 2_000, 3_000, 4_000]


def test_a_log_whose_end_went_back_begins_a_new_course_and_tells_it_until_that_is_full() -> None:
    made_anew = run([5_000, 5_010, 12], [4_000, 4_100, 0])
    assert made_anew.back_step == BackStep(5_010, 12, 60_000)
    assert [look.end for look in made_anew.looks] == [12]
    for number in range(3, 12):
        assert made_anew.back_step is not None
        made_anew = after(made_anew, looked(number * 30_000, 12 + number, number), 10)
    assert made_anew.back_step is None


def test_since_when_it_stands_and_is_held_back_is_remembered_for_longer_than_the_looks() -> None:
    seen = course([looked(n * 1_000, 100 + max(0, 5 - n), 50, held=max(0, n - 5)) for n in range(5)])
    for number in range(5, 200):
        seen = after(seen, looked(number * 1_000, 105, 50 if number > 20 else number, held=max(0, number - 9)), 10)
    assert (seen.since_ms, seen.held_since_ms) == (21_000, 10_000)
    seen = after(seen, looked(200_000, 400, 51), 10)
    assert (seen.since_ms, seen.held_since_ms) == (200_000, None)


def test_marks_are_few_and_reach_back_to_the_first_look() -> None:
    seen = Course()
    for number in range(10_000):
        seen = after(seen, looked(number * 30_000, 300 * number, 0), 10)
    assert len(seen.marks) <= 48
    assert (seen.marks[0].at_ms, seen.marks[-1].at_ms) == (0, 9_999 * 30_000)
    assert [mark.at_ms for mark in seen.marks] == sorted(mark.at_ms for mark in seen.marks)


def test_of_a_log_that_stands_still_two_marks_say_all() -> None:
    seen = run([10, 20, 20, 20, 20], [0] * 5)
    assert [(mark.at_ms, mark.end) for mark in seen.marks] == [(0, 10), (30_000, 20), (120_000, 20)]


def test_after_a_time_without_looks_only_where_the_log_ended_is_known() -> None:
    anew = after(begun_anew(run([10, 20], [10, 20])), looked(900_000, 500, 20), 10)
    assert (len(anew.looks), len(anew.commits), len(anew.marks)) == (1, 1, 3)
    made_anew = after(begun_anew(run([10, 20], [10, 20])), looked(900_000, 3, 0), 10)
    assert made_anew.back_step == BackStep(20, 3, 900_000)


def test_an_end_that_makes_no_sense_is_taken_as_it_is_and_ends_nothing() -> None:
    """Kafka has been seen to answer -1 while a leader was new; such answers are left out before they come here."""
    seen = course([looked(0, 10, 10), looked(1_000, -1, 10), looked(2_000, 10, 10)])
    assert (len(seen.looks), seen.now.end) == (2, 10)


def test_a_course_can_be_kept_in_a_file() -> None:
    kept = run([5_000, 12, 20], [4_000, None, 3])
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Course) == kept
