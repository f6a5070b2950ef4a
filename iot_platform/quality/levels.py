"""The levels of the checks: one file, the built-in one or the user's in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from iot_platform.errors import SettingsError

Status = Literal["pass", "warn", "error"]


@dataclass(frozen=True)
class Levels:
    """A figure warns from `warn` on and is an error from `error` on, or where it is `error_share` of all."""

    warn: float
    error: float
    error_share: float = math.inf

    def status(self, figure: float, share: float = 0.0) -> Status:
        if figure >= self.error or share >= self.error_share:
            return "error"
        return "warn" if figure >= self.warn else "pass"


class _LevelsFile(msgspec.Struct, forbid_unknown_fields=True):
    warn: float
    error: float
    error_share: float | None = None


_decode = msgspec.toml.decode


def load_levels(path: Path | None) -> Mapping[str, Levels]:
    """Levels by check: the built-in ones, and those of the file at `path` in their place.

    Raises SettingsError, which says what in the file does not hold.
    """
    built_in = _parse((resources.files("iot_platform.quality") / "levels.toml").read_text(encoding="utf-8"), "built-in")
    if path is None:
        return built_in
    given = _parse(_read(path), str(path))
    unknown = sorted(given.keys() - built_in.keys())
    if unknown:
        raise _refused(str(path), f"there is no check '{unknown[0]}'; there are {', '.join(built_in)}")
    return {**built_in, **{name: _completed(levels, built_in[name]) for name, levels in given.items()}}


def _completed(given: Levels, built_in: Levels) -> Levels:
    """With the share of the built-in ones where the file names none."""
    return given if math.isfinite(given.error_share) else replace(given, error_share=built_in.error_share)


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _refused(str(path), f"byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise _refused(str(path), f"it cannot be read: {error.strerror}") from None


def _parse(text: str, source: str) -> dict[str, Levels]:
    try:
        document = _decode(text, type=dict[str, _LevelsFile])
    except msgspec.MsgspecError as error:
        raise _refused(source, str(error)) from None
    return {check: _levels(check, body, source) for check, body in document.items()}


def _levels(check: str, body: _LevelsFile, source: str) -> Levels:
    if not (math.isfinite(body.warn) and math.isfinite(body.error) and 0 < body.warn <= body.error):
        raise _refused(
            source, f"[{check}] must have 0 < warn <= error, not warn {body.warn:g} and error {body.error:g}"
        )
    if body.error_share is not None and not 0 < body.error_share <= 1:
        raise _refused(source, f"[{check}] must have 0 < error_share <= 1, not {body.error_share:g}")
    return Levels(body.warn, body.error, math.inf if body.error_share is None else body.error_share)


def _refused(source: str, why: str) -> SettingsError:
    return SettingsError(
        f"The levels of the checks in {source} do not hold: {why}.",
        next_step="Mend the file, or unset quality.levels (IOT_QUALITY__LEVELS) to take the built-in ones.",
    )
