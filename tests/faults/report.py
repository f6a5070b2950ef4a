"""What the cases found, as a table: case, times run, lost, doubled, seconds to recover."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HEADER = ("case", "times run", "lost", "doubled", "seconds to recover", "verdict")
_MARKS = ("<!-- figures -->\n", "<!-- end of figures -->")
_NAME = re.compile(r"test_(f\d+)_")


@dataclass(frozen=True)
class Run:
    """One time that a case was run. `seconds` until everything was accounted for; None where nothing had to recover."""

    case: str
    lost: int = 0
    doubled: int = 0
    seconds: float | None = None
    passed: bool = True


def case_of(test_name: str) -> str | None:
    """F13 of test_f13_…; None of a test that is no case."""
    found = _NAME.match(test_name)
    return found[1].upper() if found else None


def rows(runs: Iterable[Run], expected: Mapping[str, str]) -> list[tuple[str, ...]]:
    """One row a case, in the order of their numbers. `expected` says by case what a pass proves."""
    by_case: dict[str, list[Run]] = {}
    for run in runs:
        by_case.setdefault(run.case, []).append(run)
    return [
        _row(case, by_case[case], expected.get(case, "")) for case in sorted(by_case, key=lambda case: int(case[1:]))
    ]


def _row(case: str, runs: list[Run], expected: str) -> tuple[str, ...]:
    seconds = [run.seconds for run in runs if run.seconds is not None]
    return (
        case,
        str(len(runs)),
        str(sum(run.lost for run in runs)),
        str(sum(run.doubled for run in runs)),
        "-" if not seconds else f"{max(seconds):.1f}",
        expected if all(run.passed for run in runs) else "FAILED",
    )


def as_text(table: list[tuple[str, ...]]) -> str:
    """Columns set to the width of their widest cell."""
    lines = [HEADER, *table]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def written(page: str, table: list[tuple[str, ...]], meanings: Mapping[str, str], told: str) -> str:
    """`page` with its figures made anew: every case with its meaning; those not run have empty cells."""
    found = {line[0]: line[1:] for line in table}
    lines = [f"| {' | '.join((HEADER[0], 'what breaks', *HEADER[1:]))} |", f"|{' --- |' * (len(HEADER) + 1)}"]
    lines += [
        f"| {' | '.join((case, meaning, *found.get(case, ('',) * (len(HEADER) - 1))))} |"
        for case, meaning in meanings.items()
    ]
    before, _, rest = page.partition(_MARKS[0])
    _, _, after = rest.partition(_MARKS[1])
    return f"{before}{_MARKS[0]}{told}\n\n" + "\n".join(lines) + f"\n{_MARKS[1]}{after}"
