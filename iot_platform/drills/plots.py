"""What a drill saw over time: as blocks for a terminal, and as an SVG of its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

Scale = Callable[[float], float]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 760, 320, 70, 40, 50


@dataclass(frozen=True)
class Sample:
    """At `seconds`: so many records waited, so many validators ran. None: Kafka did not tell."""

    seconds: float
    waiting: int | None
    validators: int


@dataclass(frozen=True)
class Event:
    seconds: float
    text: str


def text_plot(samples: Sequence[Sample], events: Sequence[Event], width: int = 72) -> list[str]:
    """Two rows of blocks over the same time, and below them what happened where."""
    if not samples:
        return []
    end = samples[-1].seconds or 1.0
    columns = [_between(samples, end * place / width, end * (place + 1) / width) for place in range(width)]
    most = max((one.waiting or 0 for one in columns), default=0)
    marks = [" "] * width
    for number, event in enumerate(events, start=1):
        marks[min(width - 1, int(event.seconds / end * width))] = str(number % 10)
    return [
        f"waiting    {''.join(_block(one.waiting or 0, most) for one in columns)}  at most {most:,}",
        f"validators {''.join(str(one.validators) for one in columns)}",
        f"           {''.join(marks).rstrip()}",
        *(f"           {number} {event.text} ({event.seconds:.0f} s)" for number, event in enumerate(events, start=1)),
    ]


def _between(samples: Sequence[Sample], first: float, last: float) -> Sample:
    """The most that waited in between; where nobody looked, what was seen before."""
    before = next((one for one in reversed(samples) if one.seconds <= first), samples[0])
    inside = [one for one in samples if first <= one.seconds < last]
    return max(inside, key=lambda one: one.waiting or 0, default=before)


def _block(value: int, most: int) -> str:
    return _BLOCKS[0 if not value else max(1, round(value / most * (len(_BLOCKS) - 1)))]


def svg_plot(samples: Sequence[Sample], events: Sequence[Event], title: str) -> str:
    """A picture of its own: no script, no outside resource, a title for those who do not see it."""
    end = max((one.seconds for one in samples), default=0.0) or 1.0
    most = max((one.waiting or 0 for one in samples), default=0) or 1
    validators = max((one.validators for one in samples), default=0) or 1
    across, down = _WIDTH - _LEFT - 20, _HEIGHT - _TOP - _BOTTOM

    def x(seconds: float) -> float:
        return _LEFT + across * seconds / end

    def y(share: float) -> float:
        return _TOP + down * (1 - share)

    known = [(one.seconds, one.waiting / most) for one in samples if one.waiting is not None]
    steps = [(one.seconds, one.validators / (validators + 1)) for one in samples]
    parts = [
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<line x1="{_LEFT}" y1="{y(0)}" x2="{_WIDTH - 20}" y2="{y(0)}" stroke="#888"/>',
        f'<text x="{_LEFT - 8}" y="{y(1) + 4}" text-anchor="end">{most:,}</text>',
        f'<text x="{_LEFT - 8}" y="{y(0) + 4}" text-anchor="end">0</text>',
        f'<text x="{_WIDTH - 20}" y="{y(0) + 18}" text-anchor="end">{end:.0f} s</text>',
        f'<polyline points="{_points(known, x, y)}" fill="none" stroke="#b3541e" stroke-width="2"/>',
        f'<polyline points="{_points(_stairs(steps), x, y)}" fill="none" stroke="#1f6f8b" stroke-width="2"/>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}" fill="#b3541e">records that wait</text>',
        f'<text x="{_LEFT + 150}" y="{_HEIGHT - 8}" fill="#1f6f8b">validators: at most {validators}</text>',
        *(_mark(x(event.seconds), y(0), event.text) for event in events),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="sans-serif" '
        f'font-size="11"><title>{escape(title)}</title><rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _points(pairs: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return " ".join(f"{x(seconds):.1f},{y(share):.1f}" for seconds, share in pairs)


def _stairs(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Level until the next value."""
    stairs: list[tuple[float, float]] = []
    for seconds, share in pairs:
        if stairs and stairs[-1][1] != share:
            stairs.append((seconds, stairs[-1][1]))
        stairs.append((seconds, share))
    return stairs


def _mark(x: float, bottom: float, text: str) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#aaa" stroke-dasharray="3 3"/>'
        f'<text transform="translate({x - 4:.1f},{bottom - 4}) rotate(-90)" fill="#555">{escape(text)}</text>'
    )
