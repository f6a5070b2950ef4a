"""Exactly-once ingestion, validation and accounting for fleets of IoT sensors."""
