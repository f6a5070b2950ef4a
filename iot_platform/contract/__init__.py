"""What a reading is. Pure: no Kafka, no DuckDB, no Dagster, no clock of its own."""
