"""Readers of outside bill files: bytes in, checked `Bill`s or one `BillError` out; nothing is half-read. `reading` tells the layouts apart."""
