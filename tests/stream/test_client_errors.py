"""A fatal error of the client is seen as such, also from behind delivery reports that it spoilt."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from iot_platform.stream.client_errors import unmasked

FENCED = KafkaException(KafkaError(KafkaError._FENCED))


def masked(error: BaseException, times: int) -> BaseException:
    """As Python tells of callbacks that return while an exception is set."""
    for _ in range(times):
        outer = SystemError("<function report> returned a result with an exception set")
        outer.__cause__ = error
        error = outer
    return error


@pytest.mark.parametrize("times", [0, 1, 3])
def test_an_error_is_raised_as_itself_however_many_reports_followed_it(times: int) -> None:
    with pytest.raises(KafkaException) as caught, unmasked():
        raise masked(FENCED, times)
    assert caught.value is FENCED


@pytest.mark.parametrize("error", [SystemError("of Python's own"), masked(ValueError("of a callback"), 2)])
def test_a_system_error_that_hides_no_error_of_the_client_stays_one(error: SystemError) -> None:
    with pytest.raises(SystemError) as caught, unmasked():
        raise error
    assert caught.value is error


def test_without_an_error_nothing_happens() -> None:
    with unmasked():
        made = 1
    assert made == 1
