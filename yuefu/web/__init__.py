"""Pages for people and probes for machines.

Owns the home of a book, the trace of an order, logging in, the error pages, `/healthz`, `/readyz` and `/metrics`; the request id, the
access log and the security headers of every answer; and all texts, in English and Chinese. Owns no table and decides nothing of the
business: a page reads one journey inside the scope of whoever looks, and formats money, dates and codes.
Invariants: every page works without JavaScript; no inline style or script; a person sees the book or the merchant of a membership and
nothing else, held by PostgreSQL; every code that the business can show has a text in both languages.
"""
