"""A seeded world of merchants, consumers, banks and faults that drives the journeys: for the demo, tests and benchmarks.

It knows every package and nobody below knows it; reconciliation in particular cannot see the truth about the faults it injects.
"""
