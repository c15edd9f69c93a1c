"""Credit accounts: how much a consumer may owe, and on which day of the month it is billed and repaid.

Owns the credit account and the history of its limit. Account: active ⇄ frozen → closed; a frozen one is not drawn on, what is owed stays
owed. Invariants: one account per consumer and currency in a book; every limit the account ever had is a row with its reasons, never
changed, and so is every bill day and repayment day; the cycles that follow from these tile the time of the account, and a change counts from
the next bill day on; the limit itself is kept by the ledger's limited account `credit_line`, whose owner is the credit account.
"""
