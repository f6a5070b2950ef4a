"""Fetch and check Apache Kafka's jars, with the platform's own code; run by the Python of `.venv`."""

from __future__ import annotations

import sys

from iot_platform.broker.fetch import ensure_jars
from iot_platform.errors import PlatformError
from iot_platform.settings import load_settings


def main(*, always: bool) -> int:
    """`always`: also when the settings name a Kafka that exists already (the tests start one of their own)."""
    try:
        settings = load_settings()
        if always or settings.kafka.bootstrap_servers is None:
            ensure_jars(settings.cache_dir, print)
    except PlatformError as error:
        print(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(always="--always" in sys.argv[1:]))
