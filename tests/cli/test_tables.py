"""Tables on a narrow screen: nothing is cut, and what is to be copied is in one piece."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from iot_platform.cli.common import table
from iot_platform.supervision.view import render

_WIDTH = 80
NAME = "greenhouse_number_seven_north"


def printed(what: Any) -> str:
    console = Console(file=io.StringIO(), width=_WIDTH, highlight=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_column_to_be_copied_is_in_one_piece_beside_long_others() -> None:
    source = f"raw_{NAME}/2/1234567"
    shown = printed(table("", ["source", "why"], [[source, "word " * 50], [source, "x" * 200]], whole=["source"]))
    assert shown.count(source) == 2
    assert shown.count("x") == 200
    assert "…" not in shown


def test_cells_are_folded_not_cut() -> None:
    columns = [f"column{number}" for number in range(8)]
    shown = printed(table("", columns, [["q" * 30] * 8]))
    assert shown.count("q") == 240
    assert "…" not in shown


@pytest.mark.parametrize("figure", [0, 123_456_789])
def test_the_streams_of_the_live_view_keep_their_names(status: Callable[[int], dict[str, Any]], figure: int) -> None:
    shown = printed(render(status(figure), None))
    assert f"{NAME} " in shown
    assert "…" not in shown


def test_counters_of_different_spans_are_labelled_and_every_stream_has_its_own(
    status: Callable[[int], dict[str, Any]],
) -> None:
    document = status(0)
    document["streams"] = {name: {"desired": 1, "running": 1, "paused": None} for name in ("hall", "hall2")}
    document["heartbeats"] = {
        f"producer-{name}": {"role": "producer", "stream": name, "acknowledged": sent}
        for name, sent in (("hall", 2_041), ("hall2", 7))
    }
    shown = printed(render(document, None))
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line.startswith("hall")}
    assert (rows["hall"][4], rows["hall2"][4]) == ("2,041", "7")
    assert "sent: in all; valid, dead, duplicates: since the validator's start" in shown


def test_a_paused_stream_says_so_in_place_of_what_runs(status: Callable[[int], dict[str, Any]]) -> None:
    document = status(1)
    document["streams"][NAME]["paused"] = {"text": "why"}
    row = next(line for line in printed(render(document, None)).splitlines() if line.startswith(NAME))
    assert row.split()[1] == "paused"


@pytest.fixture
def status() -> Callable[[int], dict[str, Any]]:
    def made(figure: int) -> dict[str, Any]:
        """A status with one stream, all of whose figures are `figure`."""
        verdicts = {"pid": 1, "at": "2026-07-01T00:00:00+00:00", "valid": figure, "dead": figure, "duplicates": figure}
        return {
            "kafka": {"servers": "127.0.0.1:29092", "reachable": True},
            "streams": {NAME: {"desired": 1, "running": 1, "paused": None}},
            "readings": figure,
            "dead_letters": {"total": figure, "by_reason": {"range": figure}},
            "lag": {"groups": {f"validator-{NAME}": {"messages": figure, "seconds": float(figure)}}},
            "spool": {"readings": figure, "sources": {}},
            "disk": {"state_bytes": figure},
            "alerts": [],
            "heartbeats": {f"validator-{NAME}-0": verdicts},
        }

    return made
