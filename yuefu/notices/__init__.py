"""Notices: what people are told, by e-mail and text message.

Owns the contact of a consumer (language, channel, zone, a sealed e-mail address), what they do not want to be told (one row per act),
messages, and the history of each try. Message: queued → sending → sent | failed; queued → suppressed; sending → queued again where it
certainly was not handed over; failed → sent where nobody knew, and somebody does now.
Invariants, kept by PostgreSQL: a person is told once of an occasion; a try is stored before the gateway is called; what ended stays as it
ended; tries and choices are append only; no message leaves its book. Kept by the lock of the contact, under which all that is told to a
person is decided: at most so many a week. No table holds an address, a phone number or a name in the clear.

Webhooks: events as merchants are told them, endpoints (enabled ⇄ disabled; → deleted) with sealed secrets, deliveries (waiting → delivered |
failed | cancelled, and waiting again where a merchant asks) and their tries. Invariants, kept by PostgreSQL: an event is told once under a type, an
endpoint has one delivery of it, no row joins two merchants; events and tries are append only. No secret is kept in the clear.
"""
