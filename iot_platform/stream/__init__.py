"""The path through Kafka; the only importer of confluent_kafka."""
