"""Loans: what was lent for each capture, when it falls due, what was paid.

Owns loans, their dated events, the cached instalments, accruals and arrears. A loan is its terms and its events: instalments are a
cache of `plans.loan`; each close proves that the loans of its day are as a replay has them, and they can be rebuilt. States: active →
closed (nothing unpaid); closed → active again only by a back-dated event or a repayment taken off. Invariants, kept by PostgreSQL: one
loan a capture; one event a source (a collection or a refund share applies once); a reversal names a repayment of its own loan, and each
is reversed once; paid never exceeds what an instalment asks; terms and events are never changed.
"""
