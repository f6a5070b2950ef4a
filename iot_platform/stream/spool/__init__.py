"""The spool: readings are durable here before anything else happens to them.

One SQLite file a producer slot (WAL, synchronous=FULL: a commit is on disk). One row is one batch, in order, with a
CRC32 over its frames; the source's cursor and the counters change in the same transaction. Rows go when Kafka has
acknowledged them. At every commit: born = acknowledged + spooled + refused + quarantined.
"""

from iot_platform.stream.spool.accounts import SourceAccount, read_accounts, read_accounts_there_are
from iot_platform.stream.spool.file import SpoolFullError, SpoolTooOldError, spool_path
from iot_platform.stream.spool.generations import lowest_waiting, newest_generation
from iot_platform.stream.spool.quarantine import QuarantinedBatch, find_quarantined, list_quarantined
from iot_platform.stream.spool.writer import Depth, Spool, SpooledBatch

__all__ = [
    "Depth",
    "QuarantinedBatch",
    "SourceAccount",
    "Spool",
    "SpoolFullError",
    "SpoolTooOldError",
    "SpooledBatch",
    "find_quarantined",
    "list_quarantined",
    "lowest_waiting",
    "newest_generation",
    "read_accounts",
    "read_accounts_there_are",
    "spool_path",
]
