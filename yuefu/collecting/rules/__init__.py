"""Decisions of collecting. Pure."""
