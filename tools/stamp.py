"""What a finished set-up leaves behind, so that the next one knows in a moment that nothing is to be done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """Which environment was finished: `fingerprint` says from what, `dev` whether with the tools for development."""

    fingerprint: str
    dev: bool

    def serves(self, wanted: Stamp) -> bool:
        """An environment for development runs the platform too; the reverse does not hold."""
        return self.fingerprint == wanted.fingerprint and (self.dev or not wanted.dev)

    def grows_into(self, wanted: Stamp) -> bool:
        """The same environment, only without the tools for development: they can be added."""
        return self.fingerprint == wanted.fingerprint and wanted.dev and not self.dev


def fingerprint(contents: Iterable[bytes], facts: Iterable[str]) -> str:
    """SHA-256 over files (by content) and facts (such as the version of Python), each apart from its neighbour."""
    digest = hashlib.sha256()
    for part in (*contents, *(fact.encode() for fact in facts)):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def read(path: Path) -> Stamp | None:
    """The stamp at `path`; None when there is none that can be understood, so that set-up starts anew."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Stamp(fingerprint=str(fields["fingerprint"]), dev=bool(fields["dev"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, stamp: Stamp) -> None:
    """In one step: a stamp is whole or absent."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(stamp)) + "\n", encoding="utf-8")
    unfinished.replace(path)
