"""Walk the UI of an installation of its own in a real browser, and renew the pictures of the documentation.

    make walk-ui

Starts everything in a temporary directory on free ports, waits until every asset is filled and every check judged,
opens one page after another and asserts on what a person must see there. Stops all that it started. Needs Chromium.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from iot_platform.quality.checks import CHECKS
from iot_platform.supervision.dagster_home import ui_url
from tests.support.dagster_ui import Ui
from tests.support.installation import Installation
from tests.support.waiting import eventually
from tools.walk import pages
from tools.walk.browser import Browser, WalkFailedError, browser, find_chromium

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "images"
VALIDATOR = "validator-iot_data-0"
_FILLED_SECONDS = 300.0
_POINTS = 4
"""A plot of fewer points says nothing."""
_SETTINGS = {
    "IOT_FLEET__RATE": "100",
    "IOT_DAGSTER__LOAD_INTERVAL_SECONDS": "20",
    "IOT_DAGSTER__SUMMARY_SECONDS": "10",
    "IOT_DAGSTER__WATCH_INTERVAL_SECONDS": "15",
}
_MATERIALIZATIONS = """
{ assetOrError(assetKey: {path: ["sensor_quality"]}) { ... on Asset { assetMaterializations(limit: 9) { runId } } } }
"""


def main() -> int:
    """Exit codes: 0 all was there, 1 something was not, 130 interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with them ignored
        signal.signal(number, signal.default_int_handler)
    started = time.monotonic()
    try:
        chromium = find_chromium()
        with installation() as made:
            ui = Ui(made.settings)
            _told("the assets and checks fill", lambda: _wait_until_filled(ui))
            with browser(chromium, str(ui_url(made.settings)), PICTURES) as opened:
                walk(made, ui, opened)
    except (WalkFailedError, AssertionError) as error:
        print(f"The walk failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"The UI shows what it must, after {time.monotonic() - started:.0f} s; pictures are in {PICTURES}.")
    return 0


@contextmanager
def installation() -> Iterator[Installation]:
    """One that runs, and no process of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="iot-walk-", ignore_cleanup_errors=True) as directory:
        made = Installation(Path(directory), _SETTINGS, dagster=True)
        try:
            _told("the installation starts", lambda: made.run("up", "--detach", timeout_seconds=400))
            yield made
        finally:
            _told("everything stops", lambda: made.run("down", timeout_seconds=300))


def walk(made: Installation, ui: Ui, opened: Browser) -> None:
    """Every page, then a person's Terminate and what it leads to."""
    for page in (pages.lineage, pages.launchpad, pages.automation, pages.check, pages.asset_with_plots):
        _told(page.__name__.replace("_", " "), lambda page=page: page(opened))
    _told("the quality report", lambda: pages.report(opened, _report(made)))
    run = ui.running(VALIDATOR)
    assert run is not None, f"{VALIDATOR} does not run"
    _told("the run of a stream", lambda: pages.stream_run(opened, run.run_id))
    _told("terminate it", lambda: pages.terminate(opened, run.run_id))
    _told("it stays off until it is started", lambda: _held_until_started(made, ui))


def _held_until_started(made: Installation, ui: Ui) -> None:
    def listed() -> dict[str, Any]:
        streams: list[dict[str, Any]] = made.json("streams", "list")["streams"]
        return next(stream for stream in streams if stream["name"] == VALIDATOR)

    eventually(lambda: "terminated by a person" in (listed()["held"] or ""), 60, "the hold of the terminated validator")
    assert not listed()["running"], f"{VALIDATOR} runs although it is held"
    made.run("streams", "start", VALIDATOR)
    eventually(lambda: ui.running(VALIDATOR) is not None, 90, "another run after `streams start`")


def _wait_until_filled(ui: Ui) -> None:
    def missing() -> list[str]:
        assets = ui.assets()
        judged = {name for asset in assets.values() for name, verdict in asset["checks"].items() if verdict}
        filled = {name for name, asset in assets.items() if asset["materialized"] or not asset["materializable"]}
        return [*(assets.keys() - filled), *(CHECKS.keys() - judged)]

    eventually(lambda: missing() == [], _FILLED_SECONDS, "every asset materialized and every check judged")
    eventually(lambda: _points(ui) >= _POINTS, _FILLED_SECONDS, f"{_POINTS} points in a plot")


def _report(made: Installation) -> Path:
    """The page of today; the fleet's troublemakers are in it."""
    page = made.directory / "report.html"
    made.run("report", "--day", "today", "--out", str(page), expect=1)
    return page


def _points(ui: Ui) -> int:
    return len(ui.ask(_MATERIALIZATIONS)["assetOrError"]["assetMaterializations"])


def _told(what: str, step: Any) -> None:
    """Do a step and say how long it took."""
    started = time.monotonic()
    step()
    print(f"  {what}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
