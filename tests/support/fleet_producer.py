"""A producer of the fleet as a process of its own, to be killed: `python -m tests.support.fleet_producer STATE …`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from iot_platform.clock import SystemClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.lifecycle import Bounds, Stop
from iot_platform.settings import (
    FleetSettings,
    KafkaSettings,
    ProducerSettings,
    Settings,
    StreamSettings,
    load_settings,
)
from iot_platform.stream.producer import ProducerResult, run_producer
from iot_platform.stream.sources.fleet import Fleet
from iot_platform.stream.sources.journal import Journaled


def fleet_settings(
    state_dir: Path, servers: str, stream: str, rate: float, producer: ProducerSettings | None = None
) -> Settings:
    return load_settings(
        instance=stream,
        state_dir=state_dir,
        kafka=KafkaSettings(bootstrap_servers=servers),
        streams={stream: StreamSettings()},
        fleet=FleetSettings(rate=rate, stream=stream),
        producer=producer or ProducerSettings(),
    )


def journal_path(settings: Settings) -> Path:
    return settings.state_dir / "journal"


def run_fleet(settings: Settings, bounds: Bounds | None = None, stop: Stop | None = None) -> ProducerResult:
    """The fleet of the settings, with a journal, in this process."""
    stream = settings.fleet.stream
    fleet = Fleet(settings.fleet, load_catalogue(settings.stream(stream).catalogue), SystemClock())
    return run_producer(settings, Journaled(fleet, journal_path(settings)), stream, stop=stop or Stop(), bounds=bounds)


def main() -> None:
    state_dir, servers, stream, rate, producer = sys.argv[1:]
    settings = fleet_settings(
        Path(state_dir), servers, stream, float(rate), ProducerSettings.model_validate(json.loads(producer))
    )
    run_fleet(settings, stop=Stop().on_signals())


if __name__ == "__main__":
    main()
