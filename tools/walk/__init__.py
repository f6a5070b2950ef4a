"""The UI walked in a real browser: what each page must show, and a picture of it."""
