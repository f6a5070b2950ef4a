"""Figures and verdict as one HTML page and as a summary in Markdown. Pure: no clock, no file but the templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from iot_platform.clock import duration
from iot_platform.quality.verdict import moment, per_cent
from iot_platform.report import svg
from iot_platform.report.figures import Figures, NullRate, Reason, Sensor
from iot_platform.report.finding import since_text
from iot_platform.report.texts import capitalized, coded, markdown, number, points, share_points, visible
from iot_platform.report.verdict import WORDS, Verdict


@dataclass(frozen=True)
class Section:
    id: str
    title: str

    @property
    def template(self) -> str:
        return f"{self.id.replace('-', '_')}.html.j2"


SECTIONS = (
    Section("changes", "What changed"),
    Section("sensors", "Worst sensors"),
    Section("places", "Locations"),
    Section("dead-letters", "Dead letters by reason"),
    Section("redrives", "Dead letters worked on"),
    Section("nulls", "Fields left out"),
    Section("silent", "Silent sensors"),
    Section("odd", "Sensors that behave oddly"),
    Section("duplicates", "Duplicates"),
    Section("flow", "Lag and pauses"),
    Section("alerts", "Alerts"),
    Section("accounting", "Appendix: accounting and offsets"),
)


@dataclass(frozen=True)
class HeatRow:
    location: str
    cells: tuple[NullRate | None, ...]


@dataclass(frozen=True)
class Heat:
    """Null rates of one stream: a row a location, the whole stream first; a column a field that was null."""

    stream: str
    fields: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    total: int

    @property
    def columns(self) -> list[tuple[str, str]]:
        return [(field, "n") for field in self.fields]


def html(figures: Figures, verdict: Verdict, instance: str) -> str:
    """The whole page, which needs nothing beside it."""
    return _environment(escape=True).get_template("report.html.j2").render(
        **_common(figures, verdict),
        instance=instance,
        sections=SECTIONS,
        titles={section.id: section.title for section in SECTIONS},
        heats=list(heats(figures.null_rates)),
        command=command(figures),
        **_plots(figures),
    )  # fmt: skip


def summary(figures: Figures, verdict: Verdict) -> str:
    """What matters of it, in Markdown."""
    text = _environment(escape=False).get_template("summary.md.j2").render(**_common(figures, verdict))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def command(figures: Figures) -> str:
    """The command that makes this report again."""
    week = " --week" if figures.period.is_week else ""
    stream = f" --stream {figures.streams[0]}" if len(figures.streams) == 1 else ""
    return f"iot-platform report --day {figures.period.last_day}{week}{stream}"


def heats(rates: Sequence[NullRate]) -> Iterator[Heat]:
    for stream in dict.fromkeys(rate.stream for rate in rates):
        mine = [rate for rate in rates if rate.stream == stream]
        fields = tuple(sorted({rate.field for rate in mine if rate.nulls}))
        cells = {(rate.location, rate.field): rate for rate in mine}
        rows = tuple(
            HeatRow(location, tuple(cells.get((location, field)) for field in fields))
            for location in dict.fromkeys(rate.location for rate in mine)
        )
        yield Heat(stream, fields, rows, mine[0].total)


def heat_level(rate: float) -> str:
    """The class of a cell: h0 for none, h4 from 60 % on."""
    return f"h{sum(rate >= level for level in (0.000_001, 0.1, 0.3, 0.6))}"


def _common(figures: Figures, verdict: Verdict) -> dict[str, Any]:
    return {"f": figures, "verdict": verdict, "words": WORDS, "since_text": partial(since_text, period=figures.period)}


def _plots(figures: Figures) -> dict[str, Any]:
    scores, dead = [day.score for day in figures.days], [day.dead for day in figures.days]
    first, last = (figures.days[0].day, figures.days[-1].day) if figures.days else ("", "")
    scores_text = f"{first} to {last}: lowest {min(scores, default=0):g}, last {scores[-1] if scores else 0:g}"
    dead_text = f"{first} to {last}: most {max(dead, default=0):,}, last {dead[-1] if dead else 0:,}"
    low = min(80.0, *scores) if scores else 80.0
    return {
        "day_scores": svg.sparkline(scores, f"Score by day, {scores_text}", low=low, high=100.0, long=True),
        "day_scores_text": f"{scores_text}. The plot reaches from {low:g} to 100.",
        "day_dead": svg.bars(dead, f"Dead letters by day, {dead_text}", long=True),
        "day_dead_text": f"{dead_text}.",
        "score_line": _score_line,
        "reason_bars": _reason_bars,
        "heat_level": heat_level,
    }


def _score_line(sensor: Sensor) -> Markup:
    known = [score for score in sensor.hours if score is not None]
    words = f"from {min(known):g} to {max(known):g}" if known else "no record in any hour"
    return svg.sparkline(sensor.hours, f"Score of {sensor.sensor_id} by hour, {words}", low=0.0, high=100.0)


def _reason_bars(reason: Reason) -> Markup:
    most = max(reason.hours, default=0)
    return svg.bars(reason.hours, f"Dead letters for {reason.code} by hour of the period, most {most:,}")


@cache
def _environment(*, escape: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("iot_platform.report"),
        autoescape=escape,  # noqa: S701 - off for the Markdown, which escapes by its own filter
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters.update(
        number=number, per_cent=per_cent, duration=duration, moment=moment, points=points, share_points=share_points,
        md=markdown, capitalized=capitalized, coded=coded,
    )  # fmt: skip
    return made


def _shown(value: Any) -> Any:
    """What a template prints: strangers' texts with nothing invisible in them."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
