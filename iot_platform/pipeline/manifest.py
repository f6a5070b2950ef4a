"""What the reader's copy consists of, kept beside it in `manifest.json`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iot_platform.lifecycle import write_atomically
from iot_platform.pipeline.segments import Segment

log = logging.getLogger(__name__)

_VERSION = 2


@dataclass(frozen=True)
class Manifest:
    """`segments` hold the rows of loads up to `last_load`, which was at `last_loaded_at` (RFC 3339).

    `removals` are files, below the copy's directory, that nobody needs from the given moment on (RFC 3339).
    """

    segments: tuple[Segment, ...] = ()
    last_load: int = 0
    last_loaded_at: str = ""
    removals: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> set[str]:
        """Every file that it knows of."""
        return {segment.path for segment in self.segments} | self.removals.keys()

    def without(self, paths: Iterable[str], removed_at: str) -> Manifest:
        """The same without these files as segments; they may be removed at `removed_at`."""
        gone = set(paths)
        return replace(
            self,
            segments=tuple(segment for segment in self.segments if segment.path not in gone),
            removals={**self.removals, **dict.fromkeys(sorted(gone), removed_at)},
        )

    def emptied(self, removed_at: str) -> Manifest:
        """A copy that begins anew; what it held may be removed at `removed_at`."""
        return Manifest(removals=self.without((segment.path for segment in self.segments), removed_at).removals)


def read_manifest(path: Path) -> Manifest:
    """The manifest; an empty one when there is none, or none of this version: the copy is then made anew."""
    if not path.exists():
        return Manifest()
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = document.pop("version", 1)
        if version != _VERSION:
            raise ValueError(f"version {version}")  # noqa: TRY301 - the same outcome as for damaged bytes
        return Manifest(**{**document, "segments": tuple(Segment(**item) for item in document["segments"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s does not hold (%s): the reader's copy is made anew", path, error)
        return Manifest()


def write_manifest(path: Path, manifest: Manifest) -> None:
    segments = [vars(segment) for segment in manifest.segments]
    write_atomically(path, json.dumps({"version": _VERSION, **vars(manifest), "segments": segments}))
