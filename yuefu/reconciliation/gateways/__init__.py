"""Readers of outside bill files: bytes in, one checked `Bill` or one `BillError` out; nothing is half-read."""
