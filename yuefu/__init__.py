"""Yuefu: buy now, pay later, from a purchase to reconciled cash.

The packages stand on one ladder: each may know those below it and nothing else, in imports, in foreign keys, in migrations and in postings.
What must flow up is called from above by a journey. `pyproject.toml` holds the ladder as import contracts.
"""
