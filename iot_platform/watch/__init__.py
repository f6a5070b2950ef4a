"""Lag, as pure decisions over figures read elsewhere."""
