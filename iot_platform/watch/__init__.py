"""Lag, alerts and Kafka itself, as pure decisions over figures read elsewhere."""
