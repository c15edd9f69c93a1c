"""Bills of the channel and of each account at the bank against what we recorded: files as received, lines, outcomes, breaks, and the bridge of each day.

One file per source and day; a day of a source: waiting (file is there) → running → done | failed, failed → running. It runs when the
file is there, never re-opens a business day, and posts nothing by itself. A break: open → explained | corrected | closed, explained |
corrected → closed | open, closed → open. A fix of a break: waiting (for a second person) → approved → done | dropped, waiting → rejected; what one
person may do begins as approved. Only a fix posts. Invariants, kept by PostgreSQL: a file, its lines and the items made of them never change; every
line and every movement is in one item at most; a day that is done has a bridge without residual; what happened to a break never changes, and it
stands as that says; a fix that needs two people was decided by the second as it was asked for, and what ended stays.
"""
