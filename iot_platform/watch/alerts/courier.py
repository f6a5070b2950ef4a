"""A process that hands messages to Apprise, one thread a channel, and says of each whether it was taken.

A process of its own, so that a channel that hangs can be ended with it, and so that no plugin prints a channel's URL
into a log of ours. Reads one JSON object from standard input; writes a JSON line a channel as soon as it is known.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import urllib.request
from typing import Any

import apprise

_REACH_SECONDS = 2.0
TOO_LATE = 75
"""Exit code when not every channel answered in time."""


def main() -> None:
    order: dict[str, Any] = json.load(sys.stdin)
    # From here on, not from our start: to import Apprise takes a busy machine longer than a channel may take.
    watchdog = threading.Timer(order["deadline_seconds"], os._exit, args=(TOO_LATE,))
    watchdog.daemon = True
    watchdog.start()
    threads = [
        threading.Thread(target=_carry, args=(int(number), parcel), daemon=True)
        for number, parcel in order["channels"].items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _carry(number: int, parcel: dict[str, str]) -> None:
    service = apprise.Apprise(asset=apprise.AppriseAsset(storage_mode="memory"))
    known = service.add(parcel["url"])
    for plugin in service:
        if plugin.overflow_mode is apprise.OverflowMode.UPSTREAM:  # unless the URL or the plugin says otherwise
            plugin.overflow_mode = apprise.OverflowMode.SPLIT  # a service refuses what is too long for it
    taken = known and service.notify(
        title=parcel["subject"],
        body=parcel["body"],
        notify_type=apprise.NotifyType(parcel["mood"]),
        body_format=apprise.NotifyFormat.TEXT,  # so that names with _ or < reach services that take markup unharmed
        attach=parcel["attachment"] or None,  # services that take none get the text alone
    )
    why = "" if taken else _why(service)
    answer = {"channel": number, "known": bool(known), "taken": bool(taken), "why": why}
    # One write, so that lines of two threads do not mix.
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _why(service: apprise.Apprise) -> str:
    """Why a message was not taken, as far as a connection tells; Apprise says it in logs that may name the URL."""
    if urllib.request.getproxies():
        return ""  # then a connection of ours says nothing of Apprise's
    for plugin in service:
        host = getattr(plugin, "smtp_host", None) or getattr(plugin, "host", None)
        port = getattr(plugin, "port", None) or (443 if getattr(plugin, "secure", False) else 80)
        return _reach(str(host), int(port)) if host else ""
    return ""


def _reach(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=_REACH_SECONDS):
            return "its server is there and refused it"
    except socket.gaierror:
        return "the name of its server is not known"
    except OSError:
        return "nobody takes connections at its server"


if __name__ == "__main__":
    main()
