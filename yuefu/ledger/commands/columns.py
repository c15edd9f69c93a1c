"""What is written of an entry and of each of its lines, with the types: the same for whatever posts."""

from __future__ import annotations

from typing import Final

ENTRY: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "posted_on": "date",
    "effective_on": "date",
    "recorded_at": "timestamptz",
    "kind": "text",
    "line_count": "smallint",
    "actor": "text",
    "request_id": "text",
    "run_id": "uuid",
}
LINE: Final = {
    "posted_on": "date",
    "entry_id": "uuid",
    "line_no": "smallint",
    "book_id": "uuid",
    "account_id": "uuid",
    "amount_minor": "bigint",
    "currency": "text",
    "order_id": "uuid",
    "loan_id": "uuid",
    "merchant_id": "uuid",
    "funder_id": "uuid",
    "movement": "text",
    "reference": "text",
    "hold_id": "uuid",
}
