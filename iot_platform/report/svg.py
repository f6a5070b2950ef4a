"""Small plots as inline SVG: no script, no outside resource, and words for those who do not see them. Pure.

Colours come from the page's style sheet, so that plots follow light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 120, 28


def sparkline(values: Sequence[float | None], label: str, *, low: float, high: float, long: bool = False) -> Markup:
    """A line of values between `low` and `high`; None breaks it, a lone value is a dot. A long one fills its place."""
    step = _WIDTH / max(1, len(values) - 1)
    span = (high - low) or 1.0
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            y = 2 + (_HEIGHT - 4) * (1 - (min(max(value, low), high) - low) / span)
            runs[-1].append(f"{place * step:.1f},{y:.1f}")
    lines = "".join(_line(run) for run in runs if run)
    return _figure(lines, label, "spark", long=long)


def bars(values: Sequence[float], label: str, *, long: bool = False) -> Markup:
    """A bar each, the highest as high as the plot."""
    width = _WIDTH / max(1, len(values))
    most = max(values, default=0) or 1
    drawn = "".join(
        f'<rect x="{place * width:.1f}" y="{_HEIGHT - height:.1f}" width="{max(width - 0.6, 0.5):.1f}" '
        f'height="{height:.1f}"/>'
        for place, value in enumerate(values)
        if value > 0
        for height in [max(1.5, (_HEIGHT - 2) * value / most)]
    )
    return _figure(drawn, label, "bars", long=long)


def _line(run: Sequence[str]) -> str:
    if len(run) == 1:
        x, y = run[0].split(",")
        return f'<circle cx="{x}" cy="{y}" r="1.8"/>'
    return f'<polyline points="{" ".join(run)}"/>'


def _figure(drawn: str, label: str, kind: str, *, long: bool) -> Markup:
    # What is drawn is made of our own numbers alone; the label may name a sensor, and is escaped.
    own = Markup(drawn)  # noqa: S704
    return Markup(
        '<svg class="{kind}{long}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
        'aria-label="{label}">'
        '<line class="base" x1="0" y1="{height}" x2="{width}" y2="{height}"/>{drawn}</svg>'
    ).format(kind=kind, long=" long" if long else "", width=_WIDTH, height=_HEIGHT, label=escape(label), drawn=own)
