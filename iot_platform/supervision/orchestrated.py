"""Streams that run as Dagster's runs: whether they live, how they are asked to stop, and when the UI serves."""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from iot_platform.errors import UnavailableError
from iot_platform.lifecycle import is_held
from iot_platform.settings import Settings
from iot_platform.supervision.dagster_home import ui_url
from iot_platform.supervision.slots import Draining, Role, Slot, all_slots, change_desired, read_desired

Tell = Callable[[str], None]

_UI_SECONDS = 300.0
_ASK_SECONDS = 5.0
_POLL_SECONDS = 0.3
_STOP_SECONDS = 45.0
_LOCATION_QUERY = """
{ workspaceOrError { __typename ... on Workspace { locationEntries { loadStatus locationOrLoadError {
    __typename ... on PythonError { message } } } } } }
"""


def running_slots(settings: Settings) -> list[Slot]:
    """Slots whose process lives now, whoever started it."""
    return [slot for slot in all_slots(settings, read_desired(settings)) if is_held(slot.lease_path(settings))]


def let_streams_run(settings: Settings) -> None:
    """Undo a drain; what a person stopped stays off."""
    change_desired(settings, lambda desired: replace(desired, draining=Draining.NOTHING))


def stop_streams(settings: Settings, draining: Draining, tell: Tell) -> None:
    """Ask the streams' runs to end, the sources or all of them, and wait until they have.

    Raises UnavailableError when one is still there after its time; it stops by itself once its parent is gone.
    """
    change_desired(settings, lambda desired: replace(desired, draining=draining))
    deadline = time.monotonic() + _STOP_SECONDS
    told: set[str] = set()
    while True:
        left = [slot for slot in running_slots(settings) if draining is Draining.ALL or slot.role is Role.PRODUCER]
        if not left:
            return
        for slot in left:
            if slot.name not in told:
                tell(f"Stopping {slot.name} …")
                told.add(slot.name)
        if time.monotonic() > deadline:
            names = ", ".join(slot.name for slot in left)
            raise UnavailableError(
                f"{names} did not stop within {_STOP_SECONDS:g} s.",
                next_step="Terminate its run in the UI, or run `iot-platform down`.",
            )
        time.sleep(_POLL_SECONDS)


def wait_for_ui(settings: Settings, is_alive: Callable[[], bool]) -> None:
    """Return when the UI serves and has loaded our definitions.

    Raises UnavailableError with Dagster's own words when they do not load, or when time is up.
    """
    deadline = time.monotonic() + _UI_SECONDS
    found = Location(loaded=False, problem="the web server does not answer")
    while time.monotonic() < deadline and is_alive() and not found.broken:
        found = _location(settings)
        if found.loaded:
            return
        time.sleep(_POLL_SECONDS)
    raise UnavailableError(
        f"Dagster's UI at {ui_url(settings)} is not ready: {found.problem}.",
        next_step=f"See code-server.log and webserver.log in {settings.log_dir}.",
    )


@dataclass(frozen=True)
class Location:
    """Our definitions as the web server sees them; `broken`: waiting longer would change nothing."""

    loaded: bool
    problem: str = ""
    broken: bool = False


def _location(settings: Settings) -> Location:
    try:
        workspace = _ask(settings, _LOCATION_QUERY)["data"]["workspaceOrError"]
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return Location(loaded=False, problem=f"no answer yet ({type(error).__name__})")
    entries = workspace.get("locationEntries") or [{}]
    found = entries[0].get("locationOrLoadError") or {}
    if found.get("__typename") == "PythonError":
        message = found["message"].strip()
        return Location(
            loaded=False,
            problem=f"the definitions do not load: {message.splitlines()[-1]}",
            broken="DagsterUserCodeUnreachableError" not in message,  # the code server is still starting
        )
    loaded = entries[0].get("loadStatus") == "LOADED" and bool(found)
    return Location(loaded, "the definitions are being loaded")


def _ask(settings: Settings, query: str) -> Any:
    """Dagster's GraphQL; on loopback, so no proxy is to be asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{ui_url(settings)}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with opener.open(request, timeout=_ASK_SECONDS) as answer:
        return json.load(answer)
