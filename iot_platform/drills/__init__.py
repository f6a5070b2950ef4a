"""Drills: something is broken on purpose, in an installation of the drill's own, and what becomes of it is told."""
