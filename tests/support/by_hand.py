"""Write Kafka records byte by byte, to have in a topic what no client at hand would send.

The wire formats are those of Kafka's protocol guide: Produce request version 3, record batch version 2 (magic 2).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.support.waiting import eventually

_PRODUCE, _VERSION = 0, 3
_TIMEOUT_SECONDS = 10.0
_NULL = -1
_NOT_LEADER = 6


@dataclass(frozen=True)
class HandMade:
    """A record; header names are any bytes."""

    value: bytes | None
    key: bytes | None = b"sensor-1"
    headers: Sequence[tuple[bytes, bytes | None]] = ()
    timestamp_ms: int = 1_790_000_000_000


def send_by_hand(bootstrap_servers: str, topic: str, partition: int, record: HandMade) -> int:
    """Produce one record to the one broker there is, with acks=all. Returns its offset."""
    batch = _batch(record)
    body = struct.pack(">hhi", _NULL, -1, round(_TIMEOUT_SECONDS * 1000))  # transactional id, acks, time-out
    body += struct.pack(">i", 1) + _string(topic) + struct.pack(">iii", 1, partition, len(batch)) + batch
    request = struct.pack(">hhi", _PRODUCE, _VERSION, 1) + _string("by-hand") + body
    answers: list[tuple[int, int]] = []

    def has_led() -> bool:
        """A broker may need a moment to lead a topic that was just made."""
        answer = _asked(bootstrap_servers, request)
        # correlation id, one topic, its name, one partition, its number; then error code and base offset
        answers.append(struct.unpack_from(">hq", answer, 4 + 4 + 2 + len(topic) + 4 + 4))
        return answers[-1][0] != _NOT_LEADER

    eventually(has_led, _TIMEOUT_SECONDS, "a leader")
    error, offset = answers[-1]
    assert error == 0, f"Kafka refuses the record: error {error}"
    return offset


def _asked(bootstrap_servers: str, request: bytes) -> bytes:
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
    at = record.timestamp_ms
    # attributes, last offset delta, first and last time stamp, producer id, epoch, sequence, number of records
    checked = struct.pack(">hiqqqhii", 0, 0, at, at, _NULL, _NULL, _NULL, 1) + records
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
