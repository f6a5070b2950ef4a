"""The pages of the walk, in the order in which a newcomer would open them. Each asserts, then takes its picture."""

from __future__ import annotations

from pathlib import Path

from tools.walk.browser import Browser

_GRAPH_HEIGHT = 1250
_RUN_HEIGHT = 620
_NODES = ("readings", "dlq_summary", "sensor_quality", "ledger_audit", "lag_snapshots", "readers_copy")
_AUTOMATION = (
    "keep_loading", "keep_report_current", "keep_streams_running", "scale_streams", "watch",
    "upkeep_schedule", "daily_report_schedule", "weekly_report_schedule",
)  # fmt: skip


def lineage(browser: Browser) -> None:
    """From the sources to the readers' copy, all groups open."""
    browser.set_height(_GRAPH_HEIGHT)
    browser.open("/asset-groups")
    browser.click("Hide navigation")
    browser.see("warehouse")
    browser.settle()
    browser.page.keyboard.press("Alt+E")
    browser.settle()
    browser.page.reload()  # drawn anew, it is as large as the page
    browser.see("warehouse")
    browser.click("panel_show_right")
    browser.click("zoom_out")
    browser.see(*_NODES)
    browser.picture("lineage")
    browser.set_height()
    browser.click("panel_show_left")


def asset_with_plots(browser: Browser) -> None:
    """How the sensors' score went, and what the asset says of itself."""
    browser.open("/assets/sensor_quality?view=overview")
    browser.see("Visit the sensors with the lowest score first.", "data-platform", "interval_seconds", "score")
    browser.click("Plots")
    browser.click("Events")  # by partition there is but a point an hour
    browser.see("mean_score", "worst_score", "sensors_below_90")
    browser.see_one(browser.page.locator("canvas"), "a plot")
    browser.page.get_by_text("mean_score").filter(visible=True).first.evaluate("e => e.scrollIntoView()")
    browser.picture("asset")


def check(browser: Browser) -> None:
    """Why there are dead letters: the fleet's troublemakers, in a sentence. Judged anew, it shows nothing meanwhile."""
    browser.open("/assets/dlq_summary?view=checks&checkDetail=dead_letter_share")
    browser.see("These are the simulated fleet's own troublemakers, there to be found", "trouble-", "dead_share")
    browser.picture("check")


def launchpad(browser: Browser) -> None:
    """A stream can be launched as it stands: the defaults are there and hold."""
    browser.open("/locations/iot_platform/jobs/validator/playground")
    browser.see("validate_stream", "stream: iot_data", "slot: 0", "No errors", "Launch Run")
    browser.picture("launchpad")


def automation(browser: Browser) -> None:
    """What happens by itself: all of it is switched on."""
    browser.open("/automation")
    browser.see(*_AUTOMATION)
    switched_on = browser.page.locator("input[type=checkbox]:checked")
    browser.see_all(switched_on, len(_AUTOMATION), f"{len(_AUTOMATION)} automations switched on")
    browser.picture("automation")


def report(browser: Browser, page: Path) -> None:
    """The quality report, as a file of its own: the verdict first."""
    browser.page.goto(page.as_uri())
    browser.see("Data quality", "troublemakers", "What to do", "What changed", "Worst sensors")
    browser.must_be_accessible()
    browser.picture("report")


def stream_run(browser: Browser, run_id: str) -> None:
    """A stream that runs, telling its figures."""
    browser.open(f"/runs/{run_id}")
    browser.see("Started", "keep_streams_running", "records validated in", "duplicates; partitions")
    browser.set_height(_RUN_HEIGHT)
    browser.picture("stream_run")
    browser.set_height()


def terminate(browser: Browser, run_id: str) -> None:
    """Terminate by clicking, as a person would: the stream ends between two transactions."""
    browser.open(f"/runs/{run_id}")
    browser.click("Terminate")
    browser.see("1 run will be terminated.")
    browser.click("Terminate 1 run")
    browser.see("Canceled", "Stopped: terminated by a person.")
    browser.page.get_by_placeholder("Filter…").fill("Stopped")  # the interrupt's own traces say less
    browser.see("streams start validator-iot_data-0")
    browser.picture("terminated")
