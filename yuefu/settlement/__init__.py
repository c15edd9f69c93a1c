"""What merchants are owed and when they get it: items as they are earned, one batch per merchant and pay day, its statement and payout; invoices for fees.

States of a batch: accrued (nothing to pay; a negative balance is carried to the next batch) · held → scheduled → paid → reconciled,
scheduled | paid → returned → scheduled. Invariants, kept by PostgreSQL: items, batches' figures and lines never change; net = gross −
fee − discount of every item; an item is in one batch at most; the lines of a batch add up to its totals; what is refunded of a capture
never exceeds it; no row leaves its merchant. Batches are built in chunks of merchants, by the run of their pay day.
An invoice is for the fees of a month, is requested → issued → voided, and one of a merchant and month is in force at most.
The net of all items in no batch equals what the ledger owes to merchants as pending.
"""
