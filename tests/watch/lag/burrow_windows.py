"""Windows of commits and the status that each deserves: the facts by which LinkedIn's Burrow proves its rules.

Taken over as data from the table in core/internal/evaluator/caching_test.go of github.com/linkedin/Burrow, at commit
ced55ba (Apache License 2.0), one row a line: the commits as offset, milliseconds and lag, the log's last ends, the lag
now, the time now, the lag that is allowed, and what each of its rules and the whole give, by our names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from iot_platform.watch.lag.rules import Commit, Status, Window


@dataclass(frozen=True)
class Row:
    """One window. `rewind_at` is the first commit that lies before its predecessor, None where none does."""

    commits: list[tuple[int, int, int | None]]
    ends: list[int]
    lag: int
    now_seconds: int
    allowed: int
    was_ever_level: bool
    rewind_at: int | None
    has_stopped: bool
    stands_still: bool
    gained: bool
    was_level_lately: bool
    status: Status

    @property
    def window(self) -> Window:
        commits = tuple(Commit(*commit) for commit in self.commits)
        return Window(commits, tuple(self.ends), self.lag, self.now_seconds * 1000, self.allowed)


def _rows() -> list[Row]:
    lines = Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    return [Row(**json.loads(line)) for line in lines]


ROWS = _rows()
