"""`iot-platform …`: each command calls one function of a room below."""
