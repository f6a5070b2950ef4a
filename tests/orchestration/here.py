"""An installation without Kafka for one test, as a worker of Dagster sees it: through the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.broker.ports import free_port
from iot_platform.settings import Settings, load_settings


def installed(monkeypatch: pytest.MonkeyPatch, state_dir: Path, **more: str) -> Settings:
    """Settings of an installation in `state_dir` whose Kafka never answers; `more` are further variables."""
    variables = {
        "IOT_INSTANCE": "here",
        "IOT_STATE_DIR": str(state_dir),
        "IOT_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        **more,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # What asks a Kafka that never answers need not wait long for it.
    monkeypatch.setattr("iot_platform.stream.preflight._ASK_SECONDS", 0.2)
    monkeypatch.setattr("iot_platform.stream.producer.run.FLUSH_SECONDS", 0.2)
    return load_settings()
