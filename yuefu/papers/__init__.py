"""Papers of loans for their consumers: what it costs to end them today, an account of what happened to them, and that they are settled.

Owns the payoff quote with a line a loan, whether it was used, and the settlement certificate (结清证明) with its files and its withdrawal. All are
append only. A quote holds until a moment of its own day and as long as no further fact is entered of its loans; it is used once. A certificate is
issued once while it is in force, numbered without a gap in its book, and its file stays the same bytes for ever; where its loan is opened again it
is withdrawn, and the next one replaces it. A statement of account is not stored: it is a function of terms and facts. Of loans of rule version
2026-2 only. Kept by PostgreSQL: what a quote and its lines ask adds up; one certificate of a loan is in force at most; a number is used once.
"""
