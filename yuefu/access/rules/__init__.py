"""Who may do what, and what an API key looks like. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Literal
from uuid import UUID
from zlib import crc32

STAFF_PERMISSIONS: Final = frozenset({
    "access.grant", "api_key.issue", "approve", "break.resolve", "close_day", "collect.propose", "collect.read",
    "collect.work", "consumer.close", "consumer.consent", "consumer.read", "consumer.register", "contradiction.close",
    "credit.change_days", "credit.change_limit", "credit.close", "credit.freeze", "credit.open", "debit.read", "debit.run",
    "dispute.read", "dispute.rule", "dispute.work",
    "funding.record", "invoice.issue", "invoice.request", "jobs.run", "journal.propose", "ledger.import", "ledger.read", "loan.rebuild", "mandate.read",
    "mandate.revoke", "mandate.sign", "merchant.amend", "merchant.change_state", "merchant.onboard", "merchant.read",
    "notice.change", "notice.read", "order.authorise", "order.capture", "order.read", "order.refund", "order.void",
    "paper.issue", "paper.read", "plan.change", "product.draft", "product.publish", "product.read", "product.retire", "quarantine.read",
    "quarantine.settle", "reconcile", "repayment.record", "repayment.undo", "setting.propose", "setting.read",
    "settlement.propose", "settlement.read", "settlement.run", "stop.lift", "stop.read", "stop.set", "suspense.match",
    "suspense.read", "suspense.return", "trace",
})  # fmt: skip
MERCHANT_PERMISSIONS: Final = frozenset({
    "api_key.issue", "api_key.manage", "checkout.create", "dispute.answer", "dispute.read", "event.read", "file.write", "offer.read",
    "order.authorise", "order.capture", "order.read", "order.refund", "order.void", "plan.change", "repayment.collect", "sandbox.use",
    "settlement.read", "store.manage", "store.read", "trace", "webhook.change",
})  # fmt: skip
PERMISSIONS: Final = STAFF_PERMISSIONS | MERCHANT_PERMISSIONS

ROLES: Final = {
    "operator": STAFF_PERMISSIONS,
    "risk": frozenset({
        "approve", "collect.propose", "collect.read", "consumer.read", "credit.change_days", "credit.change_limit",
        "credit.close", "credit.freeze", "credit.open", "dispute.read", "dispute.rule", "merchant.change_state", "merchant.read", "order.read",
        "product.read", "quarantine.read", "setting.propose", "setting.read", "settlement.propose", "settlement.read",
        "stop.lift", "stop.read", "stop.set", "trace",
    }),
    "finance": frozenset({
        "approve", "break.resolve", "close_day", "collect.propose", "collect.read", "contradiction.close", "debit.read",
        "debit.run", "funding.record", "invoice.issue", "invoice.request", "jobs.run", "journal.propose", "ledger.read",
        "loan.rebuild", "mandate.read",
        "merchant.read", "order.read", "paper.issue", "paper.read", "product.read", "quarantine.read", "reconcile",
        "repayment.record", "repayment.undo", "setting.propose", "setting.read", "settlement.propose", "settlement.read",
        "settlement.run", "stop.lift", "stop.read", "stop.set", "suspense.match", "suspense.read", "suspense.return", "trace",
    }),
    "support": frozenset({
        "collect.propose", "collect.read", "collect.work", "consumer.close", "consumer.consent", "consumer.read",
        "credit.change_days", "debit.read", "dispute.read", "dispute.work", "invoice.request", "mandate.read", "mandate.revoke", "merchant.read",
        "notice.change",
        "notice.read", "order.read", "order.refund", "order.void", "paper.issue", "paper.read", "product.read",
        "settlement.read", "stop.read", "suspense.read", "trace",
    }),
    "compliance": frozenset({
        "approve", "collect.read", "consumer.consent", "consumer.read", "debit.read", "dispute.read", "dispute.rule", "ledger.read", "mandate.read",
        "merchant.change_state", "merchant.read", "notice.read", "order.read", "paper.read", "product.publish",
        "product.read", "product.retire", "setting.read", "settlement.read", "stop.read", "stop.set", "trace",
    }),
    "merchant_owner": MERCHANT_PERMISSIONS,
    "merchant_staff": frozenset({"checkout.create", "offer.read", "store.read", "order.authorise", "order.capture", "order.read", "order.void", "trace"}),
}  # fmt: skip
MERCHANT_ROLES: Final = frozenset({"merchant_owner", "merchant_staff"})

KEY_SCOPES: Final = MERCHANT_PERMISSIONS - {"api_key.issue", "plan.change"}
"""What a program may be allowed; it never makes keys for itself, and no route is there yet for what a merchant plans."""

AGENT_SCOPES: Final = KEY_SCOPES - {"api_key.manage", "sandbox.use", "webhook.change"}
"""What an agent may do for merchants: all that they may but make keys and webhook endpoints, which would outlive its right to act, and test
clocks. What happened it reads as events.
"""

PUBLIC_SCOPES: Final = frozenset({"offer.read"})
"""What a publishable key may do, which everybody can read in the page of a shop: look at what is offered, and nothing of anybody."""

KeyKind = Literal["secret", "restricted", "publishable"]
KEY_KINDS: Final[Mapping[KeyKind, str]] = {"secret": "sk", "restricted": "rk", "publishable": "pk"}
"""How the secret of a key begins. A restricted key may less than a secret one, on purpose; its name says so wherever it is seen."""

MOST_NETWORKS: Final = 20

LONGEST_OVERLAP: Final = timedelta(days=30)
SECRET_BYTES: Final = 32

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY, _CHECK = 43, 6
_SECRET = re.compile(rf"((?:sk|rk|pk)_(?:test|live)_)([0-9A-Za-z]{{{_BODY}}})([0-9A-Za-z]{{{_CHECK}}})")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,149}")


@dataclass(frozen=True, slots=True)
class Membership:
    """The role of a user in one book; a merchant role is for one merchant."""

    id: UUID
    book_id: UUID
    user_id: UUID
    role: str
    merchant_id: UUID | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored, without its secret. `merchant_id` is whose it is, an agent where `held_by` says so; while one acts it is the merchant.
    It is pinned to a version of the API, and opens from some networks only where any are named. `made_by` is the person it acts for; nobody
    where the platform made it."""

    id: UUID
    book_id: UUID
    merchant_id: UUID
    scopes: tuple[str, ...]
    prefix: str
    last_four: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    made_by: UUID | None
    api_version: str
    held_by: str
    networks: tuple[str, ...]

    @property
    def kind(self) -> KeyKind:
        return kind_of(self.prefix)


def may(holder: Membership | ApiKey, permission: str) -> bool:
    """Whether a member or a key may do something. An unknown permission is a bug of the caller, not a "no"."""
    assert permission in PERMISSIONS, f"there is no permission {permission}"
    granted: Collection[str] = holder.scopes if isinstance(holder, ApiKey) else ROLES[holder.role]
    return permission in granted


def kind_of(prefix: str) -> KeyKind:
    """The kind of key whose secrets begin so."""
    return next(kind for kind, head in KEY_KINDS.items() if prefix.startswith(f"{head}_"))


def network_form(text: str) -> str | None:
    """A network as it is stored, an address being one of itself alone; None for what is none: `203.0.113.0/24`, `2001:db8::/32`."""
    try:
        return str(ip_network(text.strip()))
    except ValueError:
        return None


def reaches_beyond(networks: Sequence[str], own: Sequence[str]) -> list[str]:
    """Those of a key's networks that are in none of another's: all of the world where only the other one has any."""
    if not own:
        return []
    inside = [ip_network(network) for network in own]
    return [text for text in networks or ("0.0.0.0/0", "::/0") if not any(_is_in(ip_network(text), one) for one in inside)]


def _is_in(network: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]


def opens_from(key: ApiKey, address: str) -> bool:
    """Whether a key may be used from an address. One that cannot be read is nowhere."""
    if not key.networks:
        return True
    try:
        sender = ip_address(address)
    except ValueError:
        return False
    sender = getattr(sender, "ipv4_mapped", None) or sender
    return any(sender in ip_network(network) for network in key.networks)


def login_form(login: str) -> str | None:
    """A login as it is stored: lower case, letters, digits and . _ @ + - only; None where it cannot be one."""
    folded = login.strip().lower()
    return folded if _LOGIN.fullmatch(folded) else None


def make_secret(*, mode: str, noise: bytes, kind: KeyKind = "secret") -> str:
    """The secret of a key: `sk_test_` or `sk_live_` (`rk_…`, `pk_…`), 32 random bytes in base 62, and six characters by which a typing error is seen."""
    assert len(noise) == SECRET_BYTES, "a secret has 32 random bytes"
    head = f"{KEY_KINDS[kind]}_{mode}_" + _base62(int.from_bytes(noise, "big"), _BODY)
    return head + _checksum(head)


def well_formed(secret: str) -> bool:
    """Whether a text is a secret without typing errors; says nothing about whether such a key exists."""
    match = _SECRET.fullmatch(secret)
    return match is not None and match.group(3) == _checksum(match.group(1) + match.group(2))


def secret_hash(secret: str) -> bytes:
    """SHA-256. The secret has 256 random bits, so a slow hash would add nothing but time to each request."""
    return sha256(secret.encode()).digest()


def _checksum(head: str) -> str:
    return _base62(crc32(head.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    assert number == 0, "the number does not fit"
    return "".join(reversed(digits))
