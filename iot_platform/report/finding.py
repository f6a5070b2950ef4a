"""What every rule of the verdict gives and is made of: a finding, and how its parts are said. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from iot_platform.quality.levels import Levels
from iot_platform.report.figures import Figures, Since
from iot_platform.report.period import Period

Light = Literal["good", "look", "act"]


LIGHTS: Mapping[str, Light] = {"pass": "good", "warn": "look", "error": "act"}
NAMED = 3


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: what with its figure, since when, where, what to do, and the section that tells more."""

    light: Light
    what: str
    since: str
    where: str
    what_to_do: str
    section: str
    brief: str
    sensors: tuple[str, ...] = ()


Rule = Callable[[Figures, Mapping[str, Levels]], Iterator[Finding]]


def since_text(since: Since, period: Period) -> str:
    """A day with which one's view begins may not be the first."""
    if since is None:
        return ""
    if isinstance(since, datetime):
        return f"since {since:%Y-%m-%d %H:%M} UTC"
    return f"since {since}{' or longer' if since <= period.reach.date() else ''}"


def listed(names: Iterable[str], total: int) -> str:
    """The first three, and how many more."""
    shown = list(names)[:NAMED]
    more = f" and {total - len(shown):,} more" if total > len(shown) else ""
    return f"{', '.join(shown)}{more}"
