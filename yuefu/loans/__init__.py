"""Loans: what was lent for each capture, when it falls due, what was paid.

Owns loans, their dated events, the cached instalments, accruals and arrears. A loan is its terms and its events: instalments are a
cache of `plans.loan`; each close proves that the loans of its day are as a replay has them, and they can be rebuilt. States: active →
closed (nothing unpaid); closed → active again only by a back-dated event or a repayment taken off. Invariants, kept by PostgreSQL: one
loan a capture; one event a source (a collection or a refund share applies once); a reversal names a repayment of its own loan, and each
is reversed once; paid never exceeds what an instalment asks; terms and events are never changed.

Loans of rule version 2026-2 are kept beside them, as an agreement (its terms whole), facts (what was entered, in that order), a checkpoint and dues
(`commands.living`, ADR 0029): checkpoint and dues are a cache, and what is posted is the difference of where a loan stands.
Journeys deal with both by one name (ADR 0037): `commands.by_version`, `queries.both`; `loans_applied` keeps what became of the money that
came for a loan of an order.
Kept by PostgreSQL: agreements and facts are never changed; one fact a source; what is undone is an event of the same loan, once; a checkpoint never goes
back; nothing is settled that is not asked.
"""
