"""The quality report: figures of the reader's copy, a verdict on them, one HTML page and a summary in Markdown."""
