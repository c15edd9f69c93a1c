"""One bill a month over all loans of a credit account.

Owns the bill of a cycle and its lines: the instalments that it asks for, as they stood when it was made. A bill never changes. What is still to be
paid of it, and with that its state (open → paid, or overdue), is always asked of the loans: a refund, an undone repayment or a payment of one
loan alone is seen by it at once. Invariants, kept by PostgreSQL: one bill an account and cycle; an instalment is on one bill only; the lines add
up to the bill.
"""
