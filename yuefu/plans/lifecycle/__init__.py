"""The life of a loan, whatever its product: terms, schedule, and the fold of its dated events (rule version 2026-2).

`terms` says what was agreed, `events` what can happen, `fold` what becomes of the loan: `apply(state, event)` is one step, `replay` all of
them in the order of their days, `as_of` the loan seen on a later day. `factors`, `levelling` and `rows` are the arithmetic, `waterfall` says
which amount a payment pays first, `arrears` how late a loan is, `quotes` what it costs to end it. Pure: no clock, no storage, whole minor units.

Invariants, after every event: the principals of the rows add up to what was lent and lent again; each amount paid in is principal,
interest, fee, penalty or credit balance; no row is paid more than it asks; the same dated events lead to the same state in whatever order
they were entered; an event undone leaves no trace.
"""
