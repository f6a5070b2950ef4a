"""Patch files, under version control beside the settings."""

from __future__ import annotations

from pathlib import Path

from iot_platform.contract.patches import Patch, parse_patch
from iot_platform.errors import UsageError
from iot_platform.settings import Settings


def load_patch(settings: Settings, name: str) -> Patch:
    """A patch by its name in `dlq.patches_dir`, or by a path. Raises UsageError, which names those there are."""
    folder = settings.dlq.patches_dir
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    try:
        return parse_patch(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or no UTF-8
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml"))) or "none"
        cause = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"Patch {name!r} cannot be read from {path}: {cause}.",
            next_step=f"In {folder} there are: {known}. Name one of these, or the path of a TOML file.",
        ) from None
