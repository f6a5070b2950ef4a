"""What people see in the catalogue: from the sources through Kafka to the marts and the copy for readers."""
