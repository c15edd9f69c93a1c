"""The small machinery under every business package; it knows no business words.

Owns books and business days, actors, approvals, stops and versioned settings as records, idempotency keys, the outbox, the audit
trail, runs of day work, the batcher, table bases with roles and row-level security, the embedded PostgreSQL, calendars, logs
and metrics. Business day: open → closing → closed, never back. Invariants: a key has one content and one result for ever;
audit and outbox rows are append only and read in commit order; whoever asked for an approval never decides it,
under no other name either.
"""
