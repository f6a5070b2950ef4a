"""Streams as Dagster runs: the long-running ops, when they stop, and the sensor that keeps them running."""
