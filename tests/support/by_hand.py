"""Write Kafka records byte by byte, to have in a topic what no client at hand would send.

The wire formats are those of Kafka's protocol guide: Produce version 3, InitProducerId version 1, record batch version
2 (magic 2).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.support.waiting import eventually

_PRODUCE = (0, 3)
_INIT_PRODUCER_ID = (22, 1)
_TIMEOUT_SECONDS = 10.0
_NULL = -1
_NOT_LEADER, _COORDINATOR_LOADS = 6, 14


@dataclass(frozen=True)
class Identity:
    """What makes a producer idempotent: whoever knows it can write in its name."""

    producer_id: int = _NULL
    epoch: int = _NULL
    sequence: int = _NULL


@dataclass(frozen=True)
class HandMade:
    """A record; header names are any bytes."""

    value: bytes | None
    key: bytes | None = b"sensor-1"
    headers: Sequence[tuple[bytes, bytes | None]] = ()
    timestamp_ms: int = 1_790_000_000_000
    identity: Identity = Identity()


def send_by_hand(bootstrap_servers: str, topic: str, partition: int, record: HandMade) -> int:
    """Produce one record to the one broker there is, with acks=all. Returns its offset."""
    batch = _batch(record)
    body = struct.pack(">hhi", _NULL, -1, round(_TIMEOUT_SECONDS * 1000))  # transactional id, acks, time-out
    body += struct.pack(">i", 1) + _string(topic) + struct.pack(">iii", 1, partition, len(batch)) + batch
    # One topic, its name, one partition, its number; then error code and base offset.
    (offset,) = _answer(bootstrap_servers, _PRODUCE, body, 4 + 2 + len(topic) + 4 + 4, ">q")
    return int(offset)


def new_producer_id(bootstrap_servers: str) -> int:
    """A producer id of one's own. Brokers give them in order: the next producer gets the next one."""
    body = struct.pack(">hi", _NULL, round(_TIMEOUT_SECONDS * 1000))  # transactional id, its time-out
    (producer_id, _epoch) = _answer(bootstrap_servers, _INIT_PRODUCER_ID, body, 4, ">qh")  # behind the throttle time
    return int(producer_id)


def _answer(
    bootstrap_servers: str, request: tuple[int, int], body: bytes, error_at: int, layout: str
) -> tuple[int, ...]:
    """What follows the error code, which stands at `error_at` in the answer's body and must be none."""
    answers: list[bytes] = []

    def is_ready() -> bool:
        """A broker may need a moment to lead a topic that was just made, or to begin giving ids."""
        answers.append(_asked(bootstrap_servers, struct.pack(">hhi", *request, 1) + _string("by-hand") + body)[4:])
        return struct.unpack_from(">h", answers[-1], error_at)[0] not in {_NOT_LEADER, _COORDINATOR_LOADS}

    eventually(is_ready, _TIMEOUT_SECONDS, "a broker that is ready")
    (error,) = struct.unpack_from(">h", answers[-1], error_at)
    assert error == 0, f"Kafka refuses: error {error}"
    return struct.unpack_from(layout, answers[-1], error_at + 2)


def _asked(bootstrap_servers: str, request: bytes) -> bytes:
    """The answer, with its correlation id."""
    host, port = bootstrap_servers.split(",", maxsplit=1)[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), _TIMEOUT_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = connection.recv(size - len(received))
        assert piece, "Kafka closed the connection"
        received += piece
    return received


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _batch(record: HandMade) -> bytes:
    body = b"\x00" + _varint(0) + _varint(0) + _bytes(record.key) + _bytes(record.value)  # attributes, two deltas
    body += _varint(len(record.headers))
    for name, value in record.headers:
        body += _bytes(name) + _bytes(value)
    records = _varint(len(body)) + body
    at, who = record.timestamp_ms, record.identity
    # attributes, last offset delta, first and last time stamp, producer id, epoch, sequence, number of records
    checked = struct.pack(">hiqqqhii", 0, 0, at, at, who.producer_id, who.epoch, who.sequence, 1) + records
    tail = struct.pack(">ibI", 0, 2, _crc32c(checked)) + checked  # leader epoch, magic, checksum
    return struct.pack(">qi", 0, len(tail)) + tail


def _bytes(data: bytes | None) -> bytes:
    return _varint(_NULL) if data is None else _varint(len(data)) + data


def _varint(number: int) -> bytes:
    zigzag = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while zigzag > 0x7F:
        encoded.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    encoded.append(zigzag)
    return bytes(encoded)


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _crc32c(data: bytes) -> int:
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF
