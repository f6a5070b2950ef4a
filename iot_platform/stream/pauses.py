"""Which streams are paused: kept on disk, outside the validators, so that restarts and other slots respect it.

`paused/STREAM.json` in the state directory holds the pause, or that somebody resumed it: then each slot lets all
through until it has armed its own guard again.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from iot_platform.errors import DamagedError
from iot_platform.lifecycle import write_atomically
from iot_platform.settings import Settings


class Pause(msgspec.Struct, frozen=True):
    """Why a stream stands still. `share`, `records`, `seconds` and `reasons` are what the guard saw; 0 by hand.

    `oldest_unread_at`: when the first record that the pausing slot left unread was accepted. Times are RFC 3339.
    """

    since: str
    why: str
    share: float = 0.0
    records: int = 0
    seconds: float = 0.0
    reasons: Mapping[str, int] = {}
    slot: int | None = None
    oldest_unread_at: str | None = None

    def left_seconds(self, raw_days: float, now: datetime) -> float | None:
        """Until retention may take the first record left unread, at the earliest; None when that is not known here."""
        if self.oldest_unread_at is None:
            return None
        kept_until = datetime.fromisoformat(self.oldest_unread_at) + timedelta(days=raw_days)
        return round(max(0.0, (kept_until - now).total_seconds()), 1)


class Standing(msgspec.Struct, frozen=True):
    """What was decided of one stream. `resumed_at` is RFC 3339; `armed` are the slots whose guard is armed again."""

    pause: Pause | None = None
    resumed_at: str | None = None
    armed: tuple[int, ...] = ()

    def lets_through(self, slot: int) -> bool:
        return self.pause is None and self.resumed_at is not None and slot not in self.armed


def read_standing(settings: Settings, stream: str) -> Standing:
    """What was decided; the default when nothing was. DamagedError for a file that somebody spoiled."""
    path = _path(settings, stream)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Standing)
    except FileNotFoundError:
        return Standing()
    except msgspec.MsgspecError as error:
        raise DamagedError(
            f"{path} is not what `iot-platform` wrote there: {error}.",
            next_step=f"Run `iot-platform streams resume {stream}`, which writes it anew.",
        ) from error


def pause(settings: Settings, stream: str, wanted: Pause) -> Pause:
    """Pause the stream; the pause that holds, which is an earlier one where there is one."""
    with _locked(settings, stream):
        there = read_standing(settings, stream).pause
        if there is None:
            _write(settings, stream, Standing(pause=wanted))
        return there or wanted


def resume(settings: Settings, stream: str, now: datetime) -> Pause | None:
    """Let the stream run again; the pause that there was."""
    with _locked(settings, stream):
        try:
            there = read_standing(settings, stream).pause
        except DamagedError:
            there = None
        _write(settings, stream, Standing(resumed_at=now.isoformat()))
    return there


def note_armed(settings: Settings, stream: str, slot: int) -> None:
    """This slot's guard is armed again."""
    with _locked(settings, stream):
        standing = read_standing(settings, stream)
        if standing.lets_through(slot):
            _write(settings, stream, msgspec.structs.replace(standing, armed=(*standing.armed, slot)))


def told(stream: str, pause: Pause, left_seconds: float | None) -> str:
    """What people are told, with what to do."""
    reasons = sorted(pause.reasons.items(), key=lambda item: -item[1])[:3]
    led = f", led by {', '.join(f'{code} ({count:,})' for code, count in reasons)}" if reasons else ""
    left = "" if left_seconds is None else f" Retention takes the oldest unread reading in {_span(left_seconds)}."
    return (
        f"Stream {stream} is paused since {pause.since[:19]}Z: {pause.why}{led}.{left} "
        f"`iot-platform streams resume {stream}` lets it go on."
    )


def _span(seconds: float) -> str:
    return f"{seconds / 86_400:.1f} days" if seconds >= 2 * 86_400 else f"{seconds / 3600:.1f} h"


def _path(settings: Settings, stream: str) -> Path:
    return settings.state_dir / "paused" / f"{stream}.json"


def _write(settings: Settings, stream: str, standing: Standing) -> None:
    write_atomically(_path(settings, stream), msgspec.json.encode(standing).decode())


@contextmanager
def _locked(settings: Settings, stream: str) -> Iterator[None]:
    path = _path(settings, stream).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
