"""Consumers: who buys, what they agreed to, and their identity under lock.

Owns the consumer with sealed personal data (name, phone, identity number, birth date), the consents, one row per act, and codes to
phones, which work once. Consumer: active → closed. Invariants: an external reference and an identity number belong to one consumer of
a book; personal data is sealed to its row, found by keyed hash only and never part of an event, a key or a log; consents are append only,
the latest one of a purpose counts; a code is tried five times at most, within its ten minutes.
"""
