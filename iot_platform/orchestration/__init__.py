"""Dagster, and nothing that could be tested without it: jobs, assets, checks, sensors."""
