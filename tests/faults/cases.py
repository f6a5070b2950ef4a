"""The fault cases: what breaks in each, and what is to be seen. A test each, named by the id."""

from __future__ import annotations

HELD = "held"
LOUD = "detected loudly"

MEANINGS = {
    "F1": "the producer is killed before the spool's fsync returns",
    "F2": "the producer is killed when a batch is durable and not yet sent",
    "F3": "the producer is killed when Kafka has a batch and the spool does not know it",
    "F4": "the last record of the spool is torn, at some hundred places",
    "F5": "a bit of the spool flips",
    "F6": "the disk is full while readings are spooled, and at the start; then it is freed",
    "F7": "Kafka is away ten times longer than an attempt may take",
    "F8": "the broker is killed with idempotent sends in flight",
    "F9": "an attempt times out whose records the broker has perhaps written",
    "F10": "records too large for the client, and for the topic",
    "F11": "the broker's acknowledgement is lost on the way",
    "F12": "the answer to the end of a transaction is lost on the way",
    "F13": "the validator is killed at each of nine steps of a transaction",
    "F14": "a validator sleeps past its session before it sends offsets; another takes over; it wakes up",
    "F15": "a validator sleeps after it sent offsets; another takes over; it wakes up",
    "F16": "a validator sleeps longer than its transaction may last",
    "F17": "two validators run under the same slot",
    "F18": "the broker is killed in the middle of a transaction",
    "F19": "the broker sleeps for 30 s",
    "F20": "the broker's data is lost; its transaction coordinator's alone",
    "F21": "validators join, leave and are killed for a minute",
    "F22": "one validator, two, as many as partitions and more, one again, under load",
    "F23": "a repeat comes 1 s, 1 h, 23 h 59 min and long after",
    "F24": "a repeat comes while its first is in a transaction that is open, and aborted",
    "F25": "the same id comes with another payload",
    "F26": "the deduplication store is deleted, is damaged; its changelog is cut short",
    "F27": "the validator is killed while it restores; a rebalance comes in between",
    "F28": "the changelog ends in control records and aborted batches",
    "F29": "hostile bytes of every kind",
    "F30": "records that fail only on their way out",
    "F31": "null values and keys, no bytes, foreign headers and schema ids",
    "F32": "the loader is killed at each step of a load",
    "F33": "the warehouse is held by another process, one that sleeps too",
    "F34": "the warehouse's log is cut in its last transaction, by a byte; has garbage behind it",
    "F35": "the warehouse's log is damaged or deleted, its file halved or overwritten",
    "F36": "the disk is full inside the commit of a load",
    "F37": "records are gone before they were loaded; a topic was made anew",
    "F39": "clocks go wrong: the validator's, and the devices'",
    "F44": "Dagster is killed in a load; two loads run at once",
}

_LOUD_CASES = frozenset({"F20", "F37"})

EXPECTED = {case: LOUD if case in _LOUD_CASES else HELD for case in MEANINGS}
"""What a pass proves: nothing lost or doubled; or that the loss is told loudly and nothing is skipped in silence."""
