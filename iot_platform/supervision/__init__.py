"""The processes of an installation under supervisord: up, down, drain, status, the live view."""
