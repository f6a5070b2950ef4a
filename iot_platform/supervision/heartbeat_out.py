"""The dead man's switch: an address outside is asked each minute while all is watched. Its URL is a secret."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

_ASK_SECONDS = 5.0


@dataclass(frozen=True)
class Ping:
    """Whether it got through; `why` not, without the address."""

    sent: bool
    why: str = ""


def ping(url: SecretStr) -> Ping:
    """Ask once. Never raises for what the network does."""
    address = url.get_secret_value()
    if urlsplit(address).scheme not in ("http", "https"):
        return Ping(False, "alerts.heartbeat_url is no http or https address")
    try:
        with urllib.request.urlopen(address, timeout=_ASK_SECONDS):  # noqa: S310 - the scheme is checked
            return Ping(True)
    except urllib.error.HTTPError as error:
        error.close()
        return Ping(False, f"it answers with status {error.code}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)  # its text may name the address, its kind does not
        return Ping(False, f"it cannot be reached ({type(reason).__name__})")
