"""Where readings are born: a simulated fleet, files."""
