"""Wait for what an admin client was asked: an answer, or words."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import KafkaException

from iot_platform.errors import KafkaUnavailableError
from iot_platform.stream.clients import ADMIN_TIMEOUT_SECONDS

_Answer = TypeVar("_Answer")


def answered(future: Future[_Answer]) -> _Answer:
    """The result of `future`; a KafkaException is the caller's, who knows what was asked.

    Raises KafkaUnavailableError when it does not come in time.
    """
    try:
        return future.result(ADMIN_TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise KafkaUnavailableError(
            f"Kafka has not answered within {ADMIN_TIMEOUT_SECONDS:g} s.", next_step="See `iot-platform broker status`."
        ) from error


def no_answer(servers: str, error: KafkaException) -> KafkaUnavailableError:
    """What to raise when not even the list of topics can be had."""
    return KafkaUnavailableError(
        f"Kafka does not answer at {servers}: {error.args[0].str()}.",
        next_step="Start it with `iot-platform up`, or see `iot-platform broker status`.",
    )
