"""What needs both Kafka and the warehouse: load, audit, the copy for readers."""
