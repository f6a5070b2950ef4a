"""The page has the figures and nothing else beside it, obeys no sender, and can be read without eyes or colours."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from iot_platform.quality.levels import load_levels
from iot_platform.report import page as pages
from iot_platform.report.figures import Figures, Odd
from iot_platform.report.make import Report
from iot_platform.report.verdict import judge
from tests.report.morning import HOSTILE_PLACE, TODAY

ODD = Odd("iot_data", "oven", "temperature", "hall-1", "stuck", 3, TODAY, 2.5, "600 readings in a row are 20.25")
_VOID = {"meta", "link", "br", "line", "circle", "rect", "polyline", "img"}


class Parsed(HTMLParser):
    """Every element with its attributes, and the exact figures by the section they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.figures: dict[str, list[float]] = {}
        self.unclosed: list[str] = []
        self._section = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in _VOID:
            self.unclosed.append(tag)
        if tag == "section":
            self._section = str(attributes["aria-labelledby"])
        if tag == "data":
            self.figures.setdefault(self._section, []).append(float(str(attributes["value"])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def parsed(page: str) -> Parsed:
    return Parsed(page)


def test_each_section_shows_exactly_its_figures(parsed: Parsed, figures: Figures) -> None:
    f = figures
    streams = [f.totals[stream] for stream in f.streams]
    expected: dict[str, list[float]] = {
        "changes": [
            *(x for t in streams
              for x in (t.score, t.records, t.dead, t.share_dead, t.repaired, t.share_null, t.sensors)),
            *(one.readings for one in f.drift),
        ],
        "sensors": [one.score for one in f.sensors],
        "places": [
            *(x for p in f.places for x in (p.score, p.records, p.share_dead, p.share_null, p.sensors)),
            f.places_total - len(f.places),
        ],
        "dead-letters": [
            x for r in f.reasons for x in (r.records, r.share, r.sensors, r.locations, *(c.records for c in r.culprits))
        ],
        "nulls": [
            *(rate.rate for rate in f.null_rates if (rate.stream, rate.field) == ("iot_data", "battery_level")),
            f.null_rates[-1].total - 1,  # one location is shown
            *(x for n in f.null_sensors for x in (n.nulls, n.rate, n.readings)), f.null_sensors[0].total,
        ],
        "redrives": [one.dead_letters for one in f.redrives],
        "silent": [x for s in f.silent for x in (s.silent_seconds, s.expected_seconds, s.missed)],
        "duplicates": [
            *(x for d in f.duplicates for x in (d.duplicates, d.rate)),
            *(x for d in f.duplicate_sensors for x in (d.duplicates, d.rate)),
        ],
        "flow": [x for one in f.lag for x in (one.seconds, one.messages, one.seconds_at_end)],
        "accounting": [
            *(x for a in f.audits
              for x in (a.raw, a.valid, a.dead, a.duplicates, a.in_flight, a.unaccounted, a.findings)),
            *(x for o in f.offsets for x in (o.partition, o.first_offset, o.last_offset, o.records)),
        ],
    }  # fmt: skip
    for section, values in expected.items():
        assert parsed.figures[section] == values, section
    now = f.all_streams
    assert now is not None
    assert parsed.figures["verdict"] == [
        now.score, now.records, now.sensors, now.share_dead, now.share_null, f.silent_total
    ]  # fmt: skip


def test_nothing_is_loaded_from_anywhere_and_the_page_stays_small(parsed: Parsed, page: str) -> None:
    assert len(page.encode()) < 200_000
    assert parsed.unclosed == []
    assert not parsed.all("script") + parsed.all("link") + parsed.all("img") + parsed.all("iframe")
    assert all(str(link["href"]).startswith("#") for link in parsed.all("a"))
    assert not re.search(r"url\(|@import|https?:", page)


def test_what_senders_wrote_is_shown_and_never_obeyed(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;here&#34;)&lt;/script&gt;|hall*" in page
    assert "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\u0007" in page
    assert "\u202e" not in page
    assert "\x07" not in page


def test_the_summary_keeps_what_senders_wrote_within_its_line(made: Report) -> None:
    assert "<script" not in made.summary
    assert '&lt;script&gt;alert("here")&lt;/script&gt;\\|hall\\*' in made.summary
    rows = [line for line in made.summary.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {8, 5}


def test_headings_go_down_one_step_at_a_time_and_links_lead_somewhere(parsed: Parsed) -> None:
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in parsed.all("a")} <= set(ids)


def test_tables_have_captions_and_headers_with_a_scope_and_plots_have_words(parsed: Parsed) -> None:
    assert len(parsed.all("caption")) == len(parsed.all("table")) >= 9
    assert {header.get("scope") for header in parsed.all("th")} == {"col", "row"}
    assert all(plot.get("role") == "img" and plot.get("aria-label") for plot in parsed.all("svg"))
    assert parsed.all("html") == [{"lang": "en"}]
    assert any(meta.get("name") == "viewport" for meta in parsed.all("meta"))


def test_it_follows_light_and_dark_and_knows_paper_and_phones(page: str) -> None:
    for condition in ("prefers-color-scheme: dark", "@media print", "max-width: 40rem"):
        assert condition in page


def test_the_light_is_told_in_words(page: str, made: Report) -> None:
    assert made.verdict.word in page
    assert f"<title>Data quality, Wednesday, 1 July 2026: {made.verdict.word}</title>" in page


def many(figures: Figures, count: int) -> dict[str, Any]:
    sensor = replace(figures.sensors[1], hours=(50.0,) * 168, location=HOSTILE_PLACE * 6)
    sample = replace(figures.reasons[0].sample, payload="<" * 400) if figures.reasons[0].sample else None
    return {
        "sensors": (sensor,) * 20,
        "sensors_total": count,
        "silent": figures.silent * 20,
        "silent_total": count,
        "odd": tuple(replace(ODD, sensor_id=f"o{number}", location=HOSTILE_PLACE * 6) for number in range(20)),
        "odd_total": count,
        "reasons": tuple(replace(figures.reasons[0], sample=sample, hours=(9,) * 168) for _ in range(40)),
        "null_rates": tuple(
            replace(figures.null_rates[0], location=f"{place}", field=f"field-{n}", nulls=1, total=count)
            for place in ("(all)", *range(20)) for n in range(10)
        ),
    }  # fmt: skip


def test_a_fleet_of_ten_thousand_in_trouble_fits_into_a_page_and_is_counted(figures: Figures) -> None:
    crowd = replace(figures, **many(figures, 10_000))
    text = pages.html(crowd, judge(crowd, load_levels(None)), "inst-1")
    assert len(text.encode()) < 1_000_000
    assert 'And <data value="9980">9,980</data> more sensors score below 90.' in text
    assert 'And <data value="9980">9,980</data> more silent sensors.' in text
    assert 'And <data value="9980">9,980</data> more sensors.' in text


def test_an_odd_sensor_is_shown_with_why_since_when_and_what_to_do(figures: Figures) -> None:
    assert figures.odd == (), "the morning has none"
    odd = replace(figures, odd=(ODD,), odd_total=1)
    shown = Parsed(pages.html(odd, judge(odd, load_levels(None)), "inst-1"))
    assert shown.figures["odd"] == [ODD.hours, ODD.excess]
    text = pages.summary(odd, judge(odd, load_levels(None)))
    assert "1 sensor behaves oddly, though the readings are valid: oven (stuck)" in text
    assert ODD.what_to_do in text
