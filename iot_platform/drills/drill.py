"""What every drill is: steps told as they happen, with figures; claims that hold or do not; one verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from iot_platform.clock import Clock
from iot_platform.errors import UnavailableError

Tell = Callable[[str], None]

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Step:
    """What was done or seen, `seconds` after the drill's start."""

    seconds: float
    text: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """One sentence that the drill is to show."""

    text: str
    held: bool


@dataclass(frozen=True)
class Outcome:
    """`held`: every claim did, and there was at least one."""

    drill: str
    seconds: float
    steps: tuple[Step, ...]
    claims: tuple[Claim, ...]

    @property
    def held(self) -> bool:
        return bool(self.claims) and all(claim.held for claim in self.claims)

    def as_document(self) -> dict[str, Any]:
        return {
            "drill": self.drill,
            "held": self.held,
            "seconds": self.seconds,
            "claims": [vars(claim) for claim in self.claims],
            "steps": [{"seconds": step.seconds, "text": step.text, **step.figures} for step in self.steps],
        }


@dataclass
class Drill:
    """One drill as it goes on."""

    name: str
    tell: Tell
    clock: Clock
    _steps: list[Step] = field(default_factory=list)
    _claims: list[Claim] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = self.clock.monotonic()

    @property
    def seconds(self) -> float:
        return round(self.clock.monotonic() - self._started, 1)

    def step(self, text: str, **figures: Any) -> None:
        """Tell what happens now; `figures` are for `--json`, the text has them in words."""
        step = Step(self.seconds, text, figures)
        self._steps.append(step)
        self.tell(f"{step.seconds:6.1f} s  {text}")

    def claim(self, text: str, held: bool) -> None:
        """State what must be true, and whether it is."""
        self._claims.append(Claim(text, held))
        self.tell(f"          {'held    ' if held else 'NOT HELD'}  {text}")

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float) -> bool:
        """Whether it came true in time."""
        deadline = self.clock.monotonic() + timeout_seconds
        while not (true := condition()) and self.clock.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return true

    def require(self, condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
        """Raises UnavailableError when `what` does not come about: then there is nothing to be shown."""
        if not self.wait_until(condition, timeout_seconds):
            raise UnavailableError(
                f"The drill {self.name} ends without a verdict: {what} did not come within {timeout_seconds:g} s.",
                next_step="Run it again on a machine that is less busy; `--keep` keeps its logs.",
            )

    def outcome(self) -> Outcome:
        return Outcome(self.name, self.seconds, tuple(self._steps), tuple(self._claims))
