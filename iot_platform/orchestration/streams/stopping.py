"""When a stream's run stops, and what its end is called.

    Terminate in the UI      a signal to the worker              the interrupt is raised again: CANCELED
    drain, down, a hold      the slot is no longer wanted        SUCCESS
    hours have passed        the run recycles itself             SUCCESS, and the sensor starts the next
    the run is over          Dagster forgot us, or ended us      FAILURE, for there is nobody to tell otherwise
    the parent is gone       the code server was killed          FAILURE, so that the sensor starts the next

Polled, because each of these can be missed by a signal alone: a killed code server leaves its workers alive, and
Terminate cannot reach them.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType

from iot_platform.clock import Clock
from iot_platform.lifecycle import Stop


class Reason(StrEnum):
    """Why a run stopped, in the words that its log shows."""

    TERMINATED = "terminated by a person"
    UNWANTED = "drained, stopped, held, scaled in, or the fleet is split anew"
    RECYCLED = "recycled: its time was over, the next run goes on"
    RUN_OVER = "Dagster says that this run is over or gone"
    ORPHANED = "the code server that started this run is gone"


class RunState(StrEnum):
    """What Dagster says of our own run."""

    GOES_ON = "goes on"
    CANCELING = "cancelling"
    OVER = "over"


@dataclass(frozen=True)
class StopPolicy:
    recycle_seconds: float
    ask_run_seconds: float = 10.0
    """Dagster's storage is asked this often: 6 ms each time."""
    ask_wanted_seconds: float = 1.0


class RunStop(Stop):
    """A stop that also looks at the run, at what is wanted and at the clock. `reason` says which it was."""

    def __init__(
        self,
        policy: StopPolicy,
        clock: Clock,
        *,
        run_state: Callable[[], RunState],
        is_wanted: Callable[[], bool],
        parent_pid: int,
    ) -> None:
        super().__init__(parent_pid=parent_pid)
        self._clock = clock
        self._run_state = run_state
        self._is_wanted = is_wanted
        self._policy = policy
        now = clock.monotonic()
        self._recycle_at = now + policy.recycle_seconds
        self._ask_run_at = now + policy.ask_run_seconds
        self._ask_wanted_at = now
        self.reason: Reason | None = None

    @property
    def requested(self) -> bool:
        if not self._event.is_set() and (reason := self._look()) is not None:
            self.stop(reason)
        return self._event.is_set()

    def stop(self, reason: Reason) -> None:
        """The first reason counts."""
        self.reason = self.reason or reason
        self._event.set()

    def _look(self) -> Reason | None:
        now = self._clock.monotonic()
        if self.orphaned:
            return Reason.ORPHANED
        if now >= self._recycle_at:
            return Reason.RECYCLED
        if now >= self._ask_wanted_at:
            self._ask_wanted_at = now + self._policy.ask_wanted_seconds
            if not self._is_wanted():
                return Reason.UNWANTED
        if now >= self._ask_run_at:
            self._ask_run_at = now + self._policy.ask_run_seconds
            return {RunState.CANCELING: Reason.TERMINATED, RunState.OVER: Reason.RUN_OVER}.get(self._run_state())
        return None

    @contextmanager
    def listening(self) -> Iterator[RunStop]:
        """Within the block SIGTERM and SIGINT ask for a stop, so that it comes between two transactions.

        Dagster's own handlers raise in the middle of anything; whoever leaves the block raises the interrupt instead.
        """

        def handle(_signum: int, _frame: FrameType | None) -> None:
            self.stop(Reason.TERMINATED)

        before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
