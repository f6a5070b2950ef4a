"""A Kafka that is asked and says nothing is away, not a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

import pytest

from iot_platform.errors import KafkaUnavailableError
from iot_platform.settings import Settings, StreamSettings, load_settings
from iot_platform.stream import answers
from iot_platform.stream.clients import Clients
from iot_platform.stream.reader import topic_ids
from iot_platform.stream.topics import describe, ensure_topics


class SilentAdmin:
    """Takes every request and never answers."""

    def describe_topics(self, _: Any, **__: Any) -> dict[str, Future[Any]]:
        return {"raw": Future()}

    def create_topics(self, new: Iterable[Any], **_: Any) -> dict[str, Future[Any]]:
        return {topic.topic: Future() for topic in new}

    def describe_configs(self, resources: Iterable[Any]) -> dict[Any, Future[Any]]:
        return {resource: Future() for resource in resources}


class SilentKafka(Clients):
    def admin(self) -> Any:
        return SilentAdmin()


def ask_for_ids(settings: Settings) -> None:
    topic_ids(SilentKafka(settings), ["raw"])


def make_topics(settings: Settings) -> None:
    ensure_topics(SilentKafka(settings), settings, "s")


def ask_for_configuration(_: Settings) -> None:
    describe(SilentAdmin(), "raw")  # type: ignore[arg-type]


@pytest.mark.parametrize("ask", [ask_for_ids, make_topics, ask_for_configuration])
def test_an_answer_that_does_not_come_is_an_unavailable_kafka(
    ask: Callable[[Settings], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ADMIN_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(KafkaUnavailableError, match="has not answered"):
        ask(load_settings(streams={"s": StreamSettings()}))
