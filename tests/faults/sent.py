"""The list of what was sent, as the judge reads it: fsynced by the source before it handed anything over."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Sent:
    """By the SHA-256 of the bytes. `dead` and `valid` are what the source knows them to be."""

    valid: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    """Found durable by the source: must be there. What was only given may be there."""
    id_of: dict[str, str] = field(default_factory=dict)
    sha_of: dict[str, str] = field(default_factory=dict)
    """Of each id's valid reading: a repaired record has other bytes, and is known by its id."""
    order: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Valid readings of each sensor, in the order of their birth."""

    @property
    def given(self) -> set[str]:
        return self.valid | self.dead

    def _give(self, entry: dict[str, Any]) -> None:
        sha = entry["sha256"]
        if entry["class"] == "dead":
            self.dead.add(sha)
        elif sha not in self.valid:  # a repeat has the bytes of its first
            self.valid.add(sha)
            self.id_of[sha] = entry["message_id"]
            self.sha_of[entry["message_id"]] = sha
            self.order[entry["sensor_id"]].append(sha)


def read_sent(paths: Iterable[Path]) -> Sent:
    """The lists of all sources together. A torn last line was never fsynced: it promises nothing."""
    sent = Sent()
    for path in paths:
        sha_by_seq: dict[int, str] = {}
        for entry in _entries(path):
            if "accepted" in entry:
                first, last = entry["accepted"]
                sent.accepted.update(sha_by_seq[seq] for seq in range(first, last + 1))
            else:
                sha_by_seq[entry["seq"]] = entry["sha256"]
                sent._give(entry)
    return sent


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:
            continue
