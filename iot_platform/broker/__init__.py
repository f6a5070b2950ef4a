"""An Apache Kafka of our own on this machine: fetch, configure, start, stop."""
