"""How long a cycle's share of the findings takes with a million readings behind it.

    python -m benchmarks.findings [READINGS]

50 sensors of the built-in types send each 5 s; the marts of all hours are built, then the newest hour again, as a cycle
does each minute. Processor seconds, so that other work on the machine does not count.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from iot_platform.quality.hours import HOUR, Hours, floor_hour
from iot_platform.quality.marts import build, catalogues_of
from iot_platform.quality.tables import MARTS
from iot_platform.settings import load_settings
from iot_platform.warehouse.connection import open_warehouse

_START = datetime(2026, 7, 1, tzinfo=UTC)
_SENSORS = 50
_EVERY = timedelta(seconds=5)
_KINDS = ["co2", "humidity", "light", "power", "pressure", "temperature", "voltage"]
_FILL = """
INSERT INTO readings
SELECT 'iot_data', uuid(), 'sensor-' || n, $kinds[1 + n % len($kinds)], moment - INTERVAL 1 SECOND, moment,
       round(100 + 10 * sin(k / 2000) + random(), 2), 'any', 'hall', false, 50, -60, 1, NULL, NULL, n % 3, k, 1, moment
FROM (
    SELECT n, k, $start::TIMESTAMPTZ + to_seconds(5.0 * k) AS moment FROM range($sensors) a(n), range($ticks) b(k)
)
"""


def main() -> None:
    readings = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    ticks = readings // _SENSORS
    end = _START + ticks * _EVERY
    newest = floor_hour(end) - HOUR
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(state_dir=Path(folder))
        with open_warehouse(settings) as connection:
            connection.execute(_FILL, {"kinds": _KINDS, "start": _START, "sensors": _SENSORS, "ticks": ticks})
            for name in ("sensor_values", "sensor_findings"):
                named: dict[str, Any] = {"now": end, "catalogues": catalogues_of(settings)}
                began = time.process_time()
                hours = build(connection, MARTS[name], **named).hours
                all_seconds = time.process_time() - began
                began = time.process_time()
                build(connection, MARTS[name], **named, hours=Hours(newest, newest + HOUR))
                seconds = time.process_time() - began
                print(f"{name}: {hours} hours {all_seconds:.1f} s, the newest {seconds:.2f} s ({readings:,} readings)")


if __name__ == "__main__":
    main()
