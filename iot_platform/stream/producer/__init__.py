"""The producer: every accepted reading is durable before it is sent, and sent until Kafka has it."""

from iot_platform.stream.producer.fleet import check_part, run_fleet
from iot_platform.stream.producer.run import Edges, ProducerResult, run_producer
from iot_platform.stream.producer.takeover import drain_spool

__all__ = ["Edges", "ProducerResult", "check_part", "drain_spool", "run_fleet", "run_producer"]
