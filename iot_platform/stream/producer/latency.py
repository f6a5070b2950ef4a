"""How long Kafka takes to acknowledge what it is given."""

from __future__ import annotations


class Latency:
    """Counts batches and the seconds from when they were handed over until they were acknowledged."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        self.batches = 0
        self.seconds = 0.0

    def handed(self, batch_id: int, now: float) -> None:
        self._since[batch_id] = now

    def acknowledged(self, batch_id: int, now: float) -> None:
        self.batches += 1
        self.seconds += now - self._since.pop(batch_id, now)

    def dropped(self) -> None:
        """What is under way will be handed over again."""
        self._since.clear()
