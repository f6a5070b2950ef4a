"""What was seen of a group on one partition, look by look: the last looks, and the commits that they showed."""

from __future__ import annotations

from dataclasses import dataclass

from iot_platform.watch.lag.rules import Commit

_MARKS = 48


@dataclass(frozen=True)
class Look:
    """One partition as one group has it at one moment.

    `low` to before `end` is what it may read, before `high` what is written; `committed` is its next offset, None
    before its first commit. `active`: the group had members. `oldest_at_ms`: the time stamp of the first record that it
    has not taken, None where nobody read it.
    """

    at_ms: int
    low: int
    end: int
    high: int
    committed: int | None
    active: bool
    oldest_at_ms: int | None = None

    @property
    def next_offset(self) -> int:
        """Where the group goes on: at the log's start without a commit, or where retention took the rest."""
        return self.low if self.committed is None else max(self.low, self.committed)

    @property
    def messages(self) -> int:
        return max(0, self.end - self.next_offset)


@dataclass(frozen=True)
class BackStep:
    """The log's end was `before`, and later `after`, which is less."""

    before: int
    after: int
    at_ms: int


@dataclass(frozen=True)
class Mark:
    """The log ended at `end` at that moment."""

    at_ms: int
    end: int


@dataclass(frozen=True)
class Course:
    """The last looks and commits, oldest first, and what is remembered for longer.

    `marks` tell where the log ended, the farther back the fewer; `since_ms`: since when the group stands where it does;
    `held_since_ms`: since when an open transaction holds back the end, None while none does. `back_step`: where the
    log's end went back, and all began anew.
    """

    looks: tuple[Look, ...] = ()
    commits: tuple[Commit, ...] = ()
    back_step: BackStep | None = None
    marks: tuple[Mark, ...] = ()
    since_ms: int = 0
    held_since_ms: int | None = None

    @property
    def now(self) -> Look:
        return self.looks[-1]


def after(course: Course, look: Look, size: int) -> Course:
    """The course with one look more; of looks and commits the last `size` are kept.

    Kafka does not tell when a group committed. So a commit is seen where the offset has changed, and where a member
    holds on to it: who is there and stands still commits the same again, who is gone commits nothing.
    """
    highest = course.now.high if course.looks else course.marks[-1].end if course.marks else None
    if highest is not None and look.high < highest:
        return after(Course(back_step=BackStep(highest, look.high, look.at_ms)), look, size)
    commits = (*course.commits, _commit(course, look)) if _committed(course, look) else course.commits
    looks = (*course.looks, look)[-size:]
    return Course(
        looks,
        commits[-size:],
        course.back_step if len(looks) < size else None,
        _marked(course.marks, Mark(look.at_ms, look.end)),
        course.since_ms if course.looks and course.now.committed == look.committed else look.at_ms,
        _held_since_ms(course, look),
    )


def begun_anew(course: Course) -> Course:
    """What can still be said of it after a time in which nobody looked: where the log ended, and when."""
    return Course(marks=course.marks)


def _committed(course: Course, look: Look) -> bool:
    if look.committed is None:
        return False
    return not course.commits or look.active or look.committed != course.commits[-1].offset


def _commit(course: Course, look: Look) -> Commit:
    """The commit that the look shows. It was made since the look before, so its lag is of what was there then.

    By the end of now a reader in batches would have a lag at every look: what arrived since its last batch.
    """
    assert look.committed is not None
    lag = max(0, course.now.end - look.committed) if course.looks else None
    return Commit(look.committed, look.at_ms, lag)


def _marked(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    """With one more. Of a log that stands still first and last say all; of too many every other old one goes."""
    if len(marks) >= 2 and marks[-2].end == marks[-1].end == mark.end:
        return (*marks[:-1], mark)
    if len(marks) < _MARKS:
        return (*marks, mark)
    half = _MARKS // 2
    return (*marks[:half:2], *marks[half:], mark)


def _held_since_ms(course: Course, look: Look) -> int | None:
    if look.end >= look.high:
        return None
    goes_on = course.held_since_ms is not None and course.looks and course.now.end == look.end
    return course.held_since_ms if goes_on else look.at_ms
