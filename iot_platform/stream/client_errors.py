"""Errors of confluent-kafka, brought out of what hides them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException


@contextmanager
def unmasked() -> Iterator[None]:
    """Around calls that serve delivery reports: a fatal error is raised as the KafkaException that it is.

    The client raises a fatal error, such as of a fenced producer, in the middle of a poll or flush. When reports of
    delivery follow in the same call, Python finds their callbacks returning with an exception set, and makes a
    SystemError of it, with the first error as its cause (confluent-kafka-python, issue 865).
    """
    try:
        yield
    except SystemError as error:
        cause: BaseException | None = error
        while isinstance(cause, SystemError):
            cause = cause.__cause__
        if isinstance(cause, KafkaException):
            raise cause from None
        raise
