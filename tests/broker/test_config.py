"""What a node is told before it starts."""

from __future__ import annotations

import base64

from iot_platform.broker.config import new_cluster_id


def test_no_cluster_id_begins_like_an_option_of_kafkas_storage_tool() -> None:
    ids = {new_cluster_id() for _ in range(2_000)}

    assert len(ids) == 2_000
    assert not [text for text in ids if text.startswith("-")]
    assert {len(base64.urlsafe_b64decode(text + "==")) for text in ids} == {16}
