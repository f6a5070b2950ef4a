"""A drill as a user runs it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.support.processes import command


def held_outcome(*words: str, timeout_seconds: float) -> dict[str, Any]:
    """What `iot-platform drill WORDS --json` came to, of which every claim held."""
    done = subprocess.run(
        command("drill", *words, "--json"), capture_output=True, text=True, check=False, timeout=timeout_seconds
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert outcome["held"]
    return outcome
