"""What the topics of our own brokers take on disk; Kafka's client has no call that tells."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from iot_platform.broker.cluster import kafka_dir
from iot_platform.settings import Settings

_BLOCK_BYTES = 512  # what st_blocks counts, whatever the file system's own blocks are


def topic_bytes(settings: Settings) -> dict[str, int]:
    """Bytes in use by topic, over all brokers of our own: replicas count each."""
    sizes: Counter[str] = Counter()
    for number in range(1, settings.kafka.brokers + 1):
        for directory in (kafka_dir(settings, number) / "data").glob("*-*"):
            topic, _, partition = directory.name.rpartition("-")
            if partition.isdigit():  # not one that is being deleted
                sizes[topic] += _used(directory)
    return dict(sizes)


def disk_of(settings: Settings) -> tuple[int, int]:
    """Free and all bytes of the disk that holds our own brokers."""
    usage = shutil.disk_usage(settings.state_dir)
    return usage.free, usage.total


def _used(directory: Path) -> int:
    """Kafka makes its index files large and leaves them empty: blocks count, not sizes."""
    total = 0
    for path in directory.iterdir():
        try:
            total += path.lstat().st_blocks * _BLOCK_BYTES
        except FileNotFoundError:  # a segment that retention has just removed
            continue
    return total
