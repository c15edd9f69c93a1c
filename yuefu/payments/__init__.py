"""Money that moves outside: collections from consumers, refunds of them, payouts to merchants, transfers between our own accounts.

States of a collection and of a channel refund: attempted → succeeded | failed | unknown, unknown → succeeded | failed. Of a payout:
scheduled → sent → paid | returned, scheduled → paid | returned, paid → returned. Of a transfer: ordered → done | failed.
Invariants, kept by PostgreSQL: the attempt with its reference is stored before the outside is called, and a reference is used once;
what is refunded of a collection never exceeds it; only what succeeded has a day and a fee; no row leaves its book.
A channel refund that failed stays as it is: another attempt, with a reference of its own, is made on a later round.
The gateways of the sandbox keep books of their own (`payments_sandbox_…`) which nothing but they read, as a real channel would.
"""
