"""Where a validator's time goes: seconds by stage since its start, added up once a batch and stage."""

from __future__ import annotations

from time import perf_counter


class Stages:
    """`lap` ends a stage: the time since the last lap, or since `begin`, is that stage's."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._since = perf_counter()

    def begin(self) -> None:
        """What was before belongs to no stage."""
        self._since = perf_counter()

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def facts(self) -> dict[str, float]:
        return {stage: round(seconds, 4) for stage, seconds in self._seconds.items()}
