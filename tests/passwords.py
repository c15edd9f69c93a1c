"""How passwords of tests are kept: as ours are, but for the work, which is there to slow down whoever guesses them."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Quick(Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 1, 8, 1
