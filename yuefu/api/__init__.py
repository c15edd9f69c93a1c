"""The HTTP API of merchants, version 1: quotes, price labels, checkout sessions, orders, and what is done with them.

An ASGI application of its own beside the pages, because a request for money spends its time waiting for a batch, and a thread for each
that waits costs more than all the rest (ADR 0020). Every POST goes through the `counter`, which hands concurrent requests to the journeys
as batches; every GET reads as the merchant's database role, which PostgreSQL confines to the merchant's rows.
Invariants: an answer to a key is made of facts that never change, so it is the same for ever; nothing waits without a bound; whatever a
client sends, it is answered with a problem of a known code and never with a 500.
"""
