"""After-sales: what becomes of goods that were bought, and of payments that banks take back.

Owns the cases of orders (return, part return, exchange, repair, price protection), their steps and what each of them changed; and the charge-backs
of collections. What a case means for an order, its loans, the merchant and the money is done by those packages: a case keeps what it changed, so that
it can be told again. Invariants, kept by PostgreSQL: one open case an order and kind; a case only takes steps of `rules.STEPS`; what was asked never
changes; a charge-back is won once.
"""
