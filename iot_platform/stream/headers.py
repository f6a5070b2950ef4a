"""The headers of consumed records, read once and without harm.

A header's name is UTF-8 by Kafka's protocol, but no broker checks it. For a name that is not, confluent-kafka 2.16.1
returns a list with a hole in it and an exception set; who asks the same message again gets the list without the
exception, and the interpreter crashes on the hole. Called through `map`, each result is checked before it is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from confluent_kafka import Message

Headers = Sequence[tuple[str, bytes | None]]


def read_headers(messages: Sequence[Message]) -> tuple[list[Headers | None], frozenset[int]]:
    """The headers of each message, None where it has none; and the places of those whose headers cannot be read.

    Ask each message once only.
    """
    read: list[Headers | None] = []
    unreadable: set[int] = set()
    asked = cast("Iterator[Headers | None]", map(Message.headers, messages))
    while True:
        try:
            read.extend(asked)  # goes on behind a bad one
        except (UnicodeDecodeError, SystemError):
            unreadable.add(len(read))
            read.append(None)
        else:
            return read, frozenset(unreadable)


def size_of(headers: Headers | None) -> int:
    """Bytes of names and values, without what Kafka puts between them."""
    if not headers:
        return 0
    return sum(len(name.encode()) + len(value or b"") for name, value in headers)
