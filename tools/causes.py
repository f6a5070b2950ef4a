"""From what pip or venv printed to one sentence that says what to do."""

from __future__ import annotations

import re

# In this order: without a network pip first warns of the connection and then says that it found no version.
_CAUSES = (
    (r"no space left on device|disk quota exceeded", "The disk is full: free about 1.5 GB and run the same again."),
    (
        r"certificate_verify_failed|certificate verify failed",
        (
            "The package registry's certificate is not trusted here: "
            "name your organisation's CA file in PIP_CERT and REQUESTS_CA_BUNDLE, then run the same again."
        ),
    ),
    (
        (
            r"name resolution|name or service not known|nodename nor servname|newconnectionerror|failed to establish"
            r"|network is unreachable|connecttimeout|read timed out|connection reset|connection aborted|proxyerror"
        ),
        (
            "The package registry cannot be reached: check the network (or HTTPS_PROXY, or pip's index setting) "
            "and run the same again."
        ),
    ),
    (
        r"do not match the hashes",
        (
            "A downloaded package is not the one that was locked, so nothing of it was installed: "
            "try again, and if it stays so, ask who runs your package registry."
        ),
    ),
    (
        r"no matching distribution found for (?P<what>[^\s;]+)",
        (
            "There is no ready-made package {what} for this Python and system: "
            "Linux and macOS on x86-64 or arm64 with Python 3.11 to 3.13 are supported."
        ),
    ),
    (
        r"ensurepip is not available|no module named '?ensurepip|no module named '?venv",
        (
            "This Python cannot make virtual environments: install its venv package "
            "(Debian, Ubuntu: python3-venv) and run the same again."
        ),
    ),
    (r"permission denied", "A file could not be written: check who owns this directory and its .venv."),
)


def cause_of(output: str, exit_code: int) -> str:
    """The likeliest cause of a failed step, as one sentence."""
    for pattern, sentence in _CAUSES:
        if found := re.search(pattern, output, re.IGNORECASE):
            return sentence.format(**found.groupdict())
    if exit_code in (-9, 137):
        return "The step was killed, most often because memory ran out: free some and run the same again."
    return f"The step ended with exit code {exit_code}."
