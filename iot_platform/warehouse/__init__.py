"""DuckDB: open and close, migrations, rows and offsets in one transaction; the only importer of duckdb."""
