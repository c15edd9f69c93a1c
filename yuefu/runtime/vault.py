"""Encryption of personal data: AES-256-GCM bound to its row, found by keyed hash, shown masked.

A sealed value is `key id (2 bytes) · nonce (12) · ciphertext and tag`. The additional data is `table|column|row id`, so a value
moved to another row or column does not decrypt. Keys live in a file outside the database; a missing, short or well-known
key stops the start.
"""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from hmac import new as hmac_new
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12


class VaultError(Exception):
    """Keys are missing or unfit, or a sealed value does not belong where it was found."""


@dataclass(frozen=True, slots=True)
class Vault:
    """The keys in force. `active` seals; every key of the ring opens."""

    active: int
    keys: Mapping[int, bytes]
    index_key: bytes

    def seal(self, plain: str, *, table: str, column: str, row: UUID) -> bytes:
        return self.seal_bytes(plain.encode(), table=table, column=column, row=row)

    def seal_bytes(self, plain: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """As `seal`, of a file for instance."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = _cipher(self.keys[self.active]).encrypt(nonce, plain, _bound(table, column, row))
        return self.active.to_bytes(2, "big") + nonce + sealed

    def open(self, sealed: bytes, *, table: str, column: str, row: UUID) -> str:
        return self.open_bytes(sealed, table=table, column=column, row=row).decode()

    def open_bytes(self, sealed: bytes, *, table: str, column: str, row: UUID) -> bytes:
        key = self.keys.get(int.from_bytes(sealed[:2], "big"))
        if key is None:
            raise VaultError("this value was sealed with a key that is not in the ring")
        try:
            return _cipher(key).decrypt(sealed[2 : 2 + _NONCE], sealed[2 + _NONCE :], _bound(table, column, row))
        except (InvalidTag, ValueError) as error:  # a value cut short has no whole nonce
            raise VaultError(f"a sealed value does not belong to {table}.{column} of this row") from error

    def index(self, plain: str, *, purpose: str) -> bytes:
        """A keyed hash to find a value by; equal for equal values of one purpose, useless without the key."""
        return hmac_new(self.index_key, f"{purpose}|{plain}".encode(), sha256).digest()


@cache
def _cipher(key: bytes) -> AESGCM:
    """Made once a key: to unroll a key takes longer than to open a short text with it."""
    return AESGCM(key)


def _bound(table: str, column: str, row: UUID) -> bytes:
    return f"{table}|{column}|{row}".encode()


def load(path: Path) -> Vault:
    """Reads the key file; raises VaultError with what is wrong."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        keys = {int(number): b64decode(key) for number, key in content["keys"].items()}
        vault = Vault(int(content["active"]), keys, b64decode(content["index_key"]))
    except FileNotFoundError as error:
        raise VaultError(f"there is no key file at {path}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VaultError(f"the key file {path} cannot be read") from error
    for key in (*vault.keys.values(), vault.index_key):
        if len(key) != 32 or len(set(key)) < 8:
            raise VaultError(f"a key in {path} is short or not random")
    if vault.active not in vault.keys:
        raise VaultError(f"the active key is not among the keys in {path}")
    return vault


def create(path: Path) -> Vault:
    """Makes a key file of fresh random keys, readable by its owner only."""
    content = {"active": 1, "keys": {"1": _fresh()}, "index_key": _fresh()}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file)
    return load(path)


def _fresh() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


def mask(plain: str, *, head: int, tail: int) -> str:
    """`138****5678`: the ends of a value and stars between; a short value is all stars."""
    hidden = len(plain) - head - tail
    if hidden < 2:
        return "*" * len(plain)
    return plain[:head] + "*" * hidden + plain[len(plain) - tail :] if tail else plain[:head] + "*" * hidden
