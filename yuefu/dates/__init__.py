"""Dates: month steps, half-open periods, day counts and business-day calendars.

Owns the date arithmetic of the platform. Holds no state and reads no clock. Invariants: a period includes its start and excludes
its end; a month step keeps its anchor day; a calendar answers only for days it knows, and says which answers are provisional.
"""
