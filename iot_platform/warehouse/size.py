"""How much of its file the warehouse uses."""

from __future__ import annotations

from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse


def used_bytes(settings: Settings) -> int:
    """Bytes of the blocks in use, once all is in them; what was freed is used again, so the file may be larger.

    Raises WarehouseBusyError when another process has the file.
    """
    with open_warehouse(settings) as connection:
        connection.execute("CHECKPOINT")
        ((blocks, size),) = connection.execute("SELECT used_blocks, block_size FROM pragma_database_size()").fetchall()
    return int(blocks) * int(size)
