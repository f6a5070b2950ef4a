"""Quality of the data: marts and checks, their SQL in sql/, their levels in one file."""
