"""Where webhooks may go. Pure.

An endpoint is given by whoever has a key, and our server calls it from inside our network: without care that is a way to whatever listens
there. So an address is public or it is not called; a name is looked up, each of its addresses is judged, and the one that was judged is the
one that is connected to. For development and tests networks can be named that may be called though they are not public.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from yuefu.errors import Refused

URL_INVALID: Final = "url_invalid"  # no address of http or https, with a name and a password in it, or too long
URL_NOT_HTTPS: Final = "url_not_https"  # a live book sends to https only
URL_PORT: Final = "url_port_not_allowed"
URL_ADDRESS: Final = "url_address_not_allowed"  # private, loopback, link-local, or another that is not of the public network

LONGEST_URL: Final = 500
_PORTS: Final = {"https": (443, 8443), "http": (80, 8080)}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER: Final = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
        "64:ff9b:1::/48", "100::/64", "2001::/23", "5f00::/16", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
"""Beside what the registry calls private: of these some are public by one reading and not by another."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_METADATA: Final = frozenset(ip_address(one) for one in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254"))
"""Where clouds tell a machine its keys: never called, whatever networks are named."""


@dataclass(frozen=True, slots=True)
class Where:
    """What may be called: of a live book https alone; `networks` also where they are not public, on any port."""

    is_live: bool
    networks: Sequence[Network] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. `literal` is the address where the host is one and no name."""

    scheme: str
    host: str
    port: int
    literal: Address | None


def networks_of(text: str) -> tuple[Network, ...]:
    """Networks by comma, as a setting has them. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def target_of(url: str) -> Target | Refused:
    """An address taken apart; one that two programs could read differently is refused."""
    if not 0 < len(url) <= LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return Refused(URL_INVALID, f"an address has 1 to {LONGEST_URL} printable ASCII characters, without blanks", "url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Refused(URL_INVALID, "this is no address", "url")
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or parts.fragment or port == 0:
        return Refused(URL_INVALID, "an address begins with https://, names a host, and has no user, password or fragment", "url")
    literal = _literal(host)
    if literal is None and not _is_name(host):
        return Refused(URL_INVALID, "this is no name of a host", "url")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme][0], literal)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """Not 127.1 or 0x7f000001, which some programs take for addresses."""
    labels = host.split(".")
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not _NUMBER.fullmatch(labels[-1])


def fault_of(url: str, where: Where) -> Refused | None:
    """Why nothing is sent to an address, as far as it says by itself; what its name stands for is judged by `is_callable`."""
    target = target_of(url)
    if isinstance(target, Refused):
        return target
    if where.is_live and target.scheme != "https":
        return Refused(URL_NOT_HTTPS, "a live book sends to https:// only", "url")
    named = target.literal is not None and is_named(target.literal, where)
    if target.literal is not None and not is_callable(target.literal, where):
        return Refused(URL_ADDRESS, f"{target.literal} is no address of the public network", "url")
    if not (named or target.port in _PORTS[target.scheme]) and not (target.literal is None and where.networks):
        ports = " and ".join(map(str, _PORTS[target.scheme]))
        return Refused(URL_PORT, f"{target.scheme} goes to the ports {ports}", "url")
    return None


def port_fault(port: int, address: Address, where: Where) -> bool:
    """Whether a port may not be connected to at an address: of a public one the usual ones alone."""
    return not is_named(address, where) and not any(port in ports for ports in _PORTS.values())


def is_callable(address: Address, where: Where) -> bool:
    """Whether an address may be connected to."""
    if address in _METADATA:
        return False
    return is_named(address, where) or is_public(address)


def is_named(address: Address, where: Where) -> bool:
    """Whether it is in a network that was named for development and tests."""
    inner = _inner(address)
    return any(inner in network for network in where.networks if network.version == inner.version)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public network, and so is the IPv4 address that it may stand for: mapped, 6to4, NAT64, Teredo."""
    if isinstance(address, IPv6Address) and (address in _COMPATIBLE or address.teredo or address.scope_id):
        return False
    inner = _inner(address)
    if inner is not address:
        return is_public(inner)
    return address.is_global and not address.is_multicast and not any(address in one for one in _NEVER if one.version == address.version)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address.sixtofour or address
