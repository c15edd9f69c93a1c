"""What a client sent, read strictly: a body that could be understood in two ways is refused, and so is one that could never end."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from yuefu.access.rules import versions
from yuefu.api.problems import Fault, Problem
from yuefu.runtime.keys import KEY_INVALID

M = TypeVar("M", bound=BaseModel)
Headers = Sequence[tuple[bytes, bytes]]

LARGEST_BODY: Final = 64 * 1024
_MOST_FAULTS: Final = 20
_MOST_TOLD: Final = 3  # in the sentence; all are members of the problem
_LONGEST_POINTER: Final = 200
_QUOTED = re.compile(rb'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_LONGEST_KEY: Final = 255

assert KEY_INVALID == "key_invalid"


def header(headers: Headers, name: bytes) -> list[bytes]:
    """All fields of a name, which is lower case."""
    return [value for key, value in headers if key == name]


def idempotency_key(headers: Headers, *, required: bool) -> str:
    """The key of a request; a bare one and the same one in quotes (RFC 8941) are one key."""
    given = header(headers, b"idempotency-key")
    if not given:
        if required:
            raise Problem("idempotency_key_missing")
        return ""
    if len(given) > 1:
        raise Problem("idempotency_key_invalid", "The header Idempotency-Key was sent more than once.")
    text = given[0].strip(b" \t")
    if text.startswith(b'"'):
        quoted = _QUOTED.fullmatch(text)
        text = re.sub(rb"\\(.)", rb"\1", quoted[1]) if quoted else b""
    if not 0 < len(text) <= _LONGEST_KEY or not _BARE.fullmatch(text):
        raise Problem("idempotency_key_invalid", f"A key has 1 to {_LONGEST_KEY} printable ASCII characters; this one has {len(text)}.")
    return text.decode("ascii")


def api_version(headers: Headers, pinned: str) -> str:
    """The version that a request asks for, or else that its key is pinned to."""
    given = header(headers, b"api-version")
    if not given:
        return pinned
    version = given[0].decode("latin-1").strip()
    if len(given) > 1 or version not in versions.VERSIONS:
        raise Problem("api_version_unknown", f"There are {', '.join(versions.VERSIONS)}.")
    return version


def sender(client: tuple[str, int] | None, headers: Headers, proxies: Sequence[str]) -> str:
    """The address that a request came from: of whoever opened the connection or, where that is a proxy of ours, the last one in
    X-Forwarded-For that is none. Whatever a client writes there itself stands further left.
    """
    address = client[0] if client else ""
    if not proxies:
        return address
    ours = [ip_network(proxy) for proxy in proxies]
    told = [part.strip() for line in header(headers, b"x-forwarded-for") for part in line.decode("latin-1").split(",")]
    while told and _within(address, ours):
        address = told.pop()
    return address


def _within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def content_type_is_json(headers: Headers) -> None:
    """Raises unless the body is declared as JSON, in UTF-8 where a charset is named."""
    declared = b",".join(header(headers, b"content-type")).lower().replace(b" ", b"")
    kind, _, rest = declared.partition(b";")
    if kind != b"application/json" or (rest and rest not in (b"charset=utf-8", b'charset="utf-8"')):
        raise Problem("unsupported_media_type")


def json_object(body: bytes) -> dict[str, Any]:
    """The members of the one JSON object that a body is."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_not_a_number)
    except UnicodeDecodeError as error:
        raise Problem("malformed_json", f"The body is not UTF-8: byte {error.start} cannot be read.") from error
    except json.JSONDecodeError as error:
        raise Problem("malformed_json", f"The body is not JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise Problem("malformed_json", "The body is nested too deeply.") from error
    except ValueError as error:
        raise Problem("malformed_json", "The body has a number that is too long to be one.") from error
    if not isinstance(found, dict):
        raise Problem("invalid_request", faults=[Fault("the body must be an object", pointer="#")])
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem("duplicate_member", f"The member {_sane(twice)[:100]!r} stands in the body more than once: send it once.")
    return members


def _not_a_number(text: str) -> Any:
    raise Problem("malformed_json", f"{text} is not a number of JSON.")


def checked(model: type[M], members: dict[str, Any], version: str = versions.CURRENT) -> M:
    """The body as its model has it, sent in the form of a version; a problem names each member that is wrong, without repeating what was
    sent.
    """
    try:
        return model.model_validate(versions.taken_in(model.__name__, members, version))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_FAULTS]
        told_as = model.__name__
        faults = [
            Fault(_plainly(one["type"], one["msg"]), pointer=versions.pointer_as_sent(told_as, _pointer(one["loc"]), version))
            for one in found
        ]
        told = [f"{fault.pointer}: {fault.detail}" for fault in faults[:_MOST_TOLD]]
        told += [f"and {len(faults) - _MOST_TOLD} more"] if len(faults) > _MOST_TOLD else []
        raise Problem("invalid_request", "; ".join(told), faults=faults) from error


def _plainly(kind: str, said: str) -> str:
    """What the checker says of a member, without the words of its own workings."""
    if kind == "missing":
        return "this member is required"
    return said.removeprefix("Value error, ").replace(" after validation", "")


def _pointer(place: tuple[int | str, ...]) -> str:
    parts = [_sane(str(part)).replace("~", "~0").replace("/", "~1") for part in place]
    return "".join(["#", *(f"/{part}" for part in parts)])[:_LONGEST_POINTER]


def _sane(text: str) -> str:
    """Without halves of surrogate pairs, which no answer could carry."""
    return text.encode("utf-8", "replace").decode()
