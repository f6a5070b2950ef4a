"""How many validators a stream should have, as pure decisions: what is known and remembered in, a number out."""
