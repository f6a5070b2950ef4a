"""How a scene's producer stands: the books of its spool, and its sign of life."""

from __future__ import annotations

import json
from typing import Any

from iot_platform.stream.spool import SourceAccount, read_accounts
from tests.faults.scene import Scene


def account(scene: Scene) -> SourceAccount:
    there = read_accounts(scene.settings.spool_dir, scene.stream) if scene.settings.spool_dir.exists() else []
    return there[0] if there else SourceAccount("", 0, 0, 0, 0, 0)


def heartbeat(scene: Scene) -> dict[str, Any]:
    path = scene.settings.heartbeat_dir / f"producer-{scene.stream}.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document
