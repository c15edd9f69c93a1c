"""Double-entry books: a chart of accounts, entries that balance and never change, holds against limits.

Owns accounts, entries and their lines, holds, checkpoints and seals; it knows nobody above it. Three kinds of account: *limited*
(balance and holds kept on the write path, net debits + holds ≤ limit), *control* (append only, balance = checkpoint + tail in
commit order) and *money* (a bank or channel account; control, and its lines carry what the other side will show).

States of a hold: pending → posted | voided | expired; a line that names the hold takes its amount from it, the rest stays pending.
Invariants, kept by PostgreSQL: the lines of an entry are written by one statement, sum to zero per currency and are complete;
entries, lines and seals are never changed or removed; nothing posts to a closed day, and only its close run to a closing one;
no movement raises an exposure above its limit; no line leaves its book, and each names its funder; what is posted and held of a
limited account, what is taken from a hold, and checkpoints are added up by the database from lines and holds, and written by nobody.
"""
