"""The producer: every accepted reading is durable before it is sent, and sent until Kafka has it."""

from iot_platform.stream.producer.run import ProducerResult, process_name, run_producer

__all__ = ["ProducerResult", "process_name", "run_producer"]
