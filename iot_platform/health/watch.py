"""Looks at its own process once a second, from a thread that waits for nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from iot_platform.clock import Clock
from iot_platform.health.document import Observation, document_of, problems_of, progress_of
from iot_platform.lifecycle import Heartbeat

_PAUSE_SECONDS = 1.0

Answers = Callable[[], bool]
"""Asks Kafka, for at most two seconds, whether it answers."""


class Watch:
    """What is known of this process now; `document` may be asked by any thread."""

    def __init__(self, name: str, servers: str, heartbeat: Heartbeat, answers: Answers, clock: Clock) -> None:
        self._name = name
        self._servers = servers
        self._heartbeat = heartbeat
        self._answers = answers
        self._clock = clock
        self._kafka_answers: bool | None = None
        self._lock = threading.Lock()
        self._state: tuple[bool, str] | None = None
        self._since = clock.now()
        self._progress: tuple[int | None, float | None] = (None, None)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="health", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; it is not waited for longer than one question to Kafka takes."""
        self._over.set()
        self._thread.join(3.0)

    def document(self) -> dict[str, Any]:
        """What `/health` answers now."""
        with self._lock:
            seen = self._look()
            at = self._progress[1]
            age_seconds = None if at is None else round(self._clock.monotonic() - at, 1)
            return {
                "name": self._name,
                "pid": os.getpid(),
                **document_of(seen, self._since.isoformat(), age_seconds),
            }

    def _work(self) -> None:
        while not self._over.is_set():
            self._kafka_answers = self._answers()
            with self._lock:
                self._look()
            self._over.wait(_PAUSE_SECONDS)

    def _look(self) -> Observation:
        """One look; notes when the state changed and when something was last done."""
        facts, silent_seconds = self._heartbeat.last_sign()
        seen = Observation(facts, silent_seconds, self._kafka_answers, self._servers)
        state = (not problems_of(seen), seen.phase)
        if state != self._state:
            self._state, self._since = state, self._clock.now()
        done, before = progress_of(facts), self._progress[0]
        if done != before:
            self._progress = (done, None if before is None else self._clock.monotonic())
        return seen
