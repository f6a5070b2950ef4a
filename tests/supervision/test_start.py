"""A process that does not start is told with its own last words."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_platform.errors import UnavailableError
from iot_platform.settings import load_settings
from iot_platform.supervision.supervisor import Supervisor
from tests.support.scripts import script

# The supervisor outlives the object that started it, as it should.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

_ERROR = "print('going'); print('error: The file x is gone.'); print('Put it back.'); raise SystemExit(1)"
_CRASH = "print('error: an older one.'); print('Do this.'); raise ValueError('what it was')"


@pytest.mark.parametrize(
    ("text", "said"), [(_ERROR, "The file x is gone. Put it back."), (_CRASH, "ValueError: what it was.")]
)
def test_a_process_that_ends_at_once_is_told_with_the_last_line_of_its_log(
    tmp_path: Path, text: str, said: str
) -> None:
    supervisor = Supervisor(load_settings(state_dir=tmp_path / "state"))
    supervisor.start([script(tmp_path / "loader.py", text)])
    try:
        with pytest.raises(UnavailableError) as caught:
            supervisor.start_program("loader")
        assert caught.value.message == f"'loader' did not start: {said}"
        assert "loader.log" in caught.value.next_step
    finally:
        supervisor.shut_down(30)
