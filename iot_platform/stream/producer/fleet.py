"""One producer of the simulated fleet: its part of the sensors, in a split of all that share them."""

from __future__ import annotations

from iot_platform.errors import UsageError
from iot_platform.lifecycle import Bounds, lease
from iot_platform.settings import Settings
from iot_platform.stream.places import producer_lease
from iot_platform.stream.producer.run import NOTHING_DONE, Edges, ProducerResult, run_slot
from iot_platform.stream.producer.split import in_split
from iot_platform.stream.producer.takeover import guarding
from iot_platform.stream.sources.base import Source


def run_fleet(
    settings: Settings, source: Source, stream: str, edges: Edges, bounds: Bounds | None = None
) -> ProducerResult:
    """Run `source`, a part of the fleet, as `run_producer` does; unbounded, also look after orphaned spools.

    Waits for producers of another split to end. Raises as `run_producer`.
    """
    with (
        lease(producer_lease(settings, stream, source.name), f"The producer {stream}-{source.name}"),
        in_split(settings, stream, edges.stop) as generation,
    ):
        if generation is None:
            return NOTHING_DONE
        if bounds not in (None, Bounds()):
            return run_slot(settings, source, stream, edges, bounds, generation)
        with guarding(settings, stream, source.name, edges.clock):
            return run_slot(settings, source, stream, edges, Bounds(), generation)


def check_part(settings: Settings, part: int) -> None:
    """Raises UsageError for a part that the fleet is not split into."""
    if part >= settings.fleet.producers:
        raise UsageError(
            f"The fleet has {settings.fleet.producers} producers, numbered from 0: there is no {part}.",
            next_step="Raise IOT_FLEET__PRODUCERS, or take a lower number.",
        )
