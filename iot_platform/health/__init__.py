"""What a stream process tells of itself over HTTP, from a thread of its own: also while its main thread is blocked."""

from iot_platform.health.document import Observation, problems_of
from iot_platform.health.serving import serving

__all__ = ["Observation", "problems_of", "serving"]
