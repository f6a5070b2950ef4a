"""Calls into librdkafka that may ignore their own timeout, made so that their caller can give up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any


class CallLostError(Exception):
    """The call has not returned. What it was to do may still happen."""


class PatientThread:
    """Makes one call after another, in a daemon thread of its own; daemon, so that a stuck call keeps no process alive.

    After a CallLostError the object is of no more use, and neither is what the call was working on: the thread holds
    on to both until the call returns, if ever.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def call(self, function: Callable[[], Any], seconds: float) -> Any:
        """What `function` returns or raises. Raises CallLostError when that takes longer than `seconds`."""
        self._calls.put(function)
        try:
            result, error = self._answers.get(timeout=seconds)
        except Empty:
            raise CallLostError from None
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the thread, after a call that is under way."""
        self._calls.put(None)

    def _work(self) -> None:
        while (function := self._calls.get()) is not None:
            try:
                answer = (function(), None)
            except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
                self._answers.put((None, error))
            else:
                self._answers.put(answer)
            del function  # a finished call keeps nothing alive while the thread waits
