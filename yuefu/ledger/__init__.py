"""Double-entry books: a chart of accounts, entries that balance and never change, holds against limits.

Owns accounts, entries and their lines, holds, checkpoints and seals; it knows nobody above it. Three kinds of account: *limited*
(balance and holds kept on the write path, net debits + holds ≤ limit), *control* (append only, balance = checkpoint + tail in
commit order) and *money* (a bank or channel account; control, and its lines carry what the other side will show).

States of a hold: pending → posted | voided | expired; posting may take part, the rest stays pending.
Invariants, kept by PostgreSQL: the lines of an entry are written by one statement, sum to zero per currency and are complete;
entries, lines and seals are never changed or removed; nothing posts to a closed day, and only its close run to a closing one;
no movement raises an exposure above its limit; no line leaves its book.
"""
