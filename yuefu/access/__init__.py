"""People and programs that log in: users, their memberships in a book, and the API keys of merchants.

Owns `access.User` (AUTH_USER_MODEL), roles with their permissions (a pure table in `rules`), memberships and API keys. A user
belongs to no book; a membership gives one role in one book, and at most one is in force per user and book. A merchant role names its
merchant, a staff role names none. API key: in force → expired or revoked, never back; its secret is shown once and kept as a hash.
Invariants: logins are lower case and unique; a key belongs to one book and one merchant; a key is replaced at most once and acts for the
person who made it.
"""
