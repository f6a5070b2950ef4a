"""The dead-letter workbench: look, fix by patches, send again, park, and say what became of each."""
