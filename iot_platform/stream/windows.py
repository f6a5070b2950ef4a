"""Opens the deduplication window of a partition, in the store that the settings name."""

from __future__ import annotations

from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.dedup import DedupWindow, Window
from iot_platform.stream.reader import topic_ids

_HOUR_MS = 3_600_000


class Windows:
    """Of one slot. A store on disk is the slot's own, so that one that was stopped keeps nobody from a partition."""

    def __init__(self, settings: Settings, stream: str, slot: int) -> None:
        self.window_ms = round(settings.stream(stream).dedup_window_hours * _HOUR_MS)
        self._settings = settings
        self._ledger = Topology(stream).ledger
        self._on_disk = settings.validator.dedup_store == "rocksdb"
        self._directory = settings.state_dir / "dedup" / stream / f"slot-{slot}"

    def open(self, partition: int) -> Window:
        """The caller closes it. Raises KafkaUnavailableError when Kafka does not tell the ledger's id."""
        if not self._on_disk:
            return DedupWindow(self.window_ms)
        from iot_platform.stream.rocks import RocksWindow  # noqa: PLC0415 - only who chose it needs the library

        topic_id = topic_ids(Clients(self._settings), [self._ledger])[self._ledger]
        return RocksWindow(self._directory / str(partition), self.window_ms, f"{topic_id}/{partition}")
