"""Opens the deduplication window of a partition, in the store that the settings name."""

from __future__ import annotations

from iot_platform.settings import Settings
from iot_platform.stream.dedup import DedupWindow, Window

_HOUR_MS = 3_600_000


class Windows:
    """Of one slot. A store on disk is the slot's own, so that one that was stopped keeps nobody from a partition."""

    def __init__(self, settings: Settings, stream: str, slot: int) -> None:
        self.window_ms = round(settings.stream(stream).dedup_window_hours * _HOUR_MS)
        self._on_disk = settings.validator.dedup_store == "rocksdb"
        self._directory = settings.state_dir / "dedup" / stream / f"slot-{slot}"

    def open(self, partition: int) -> Window:
        """The caller closes it."""
        if not self._on_disk:
            return DedupWindow(self.window_ms)
        from iot_platform.stream.rocks import RocksWindow  # noqa: PLC0415 - only who chose it needs the library

        return RocksWindow(self._directory / str(partition), self.window_ms)
