"""Whatever a client sends: a problem of a known code, never a 500, and nothing done."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.api.conftest import InProcess, Merchant, Reply, Server
from yuefu.api.problems import KINDS

ORDER = "/v1/orders"
DEEP = b'{"a":' * 5_000 + b"1" + b"}" * 5_000


def is_a_problem(reply: Reply, status: int, code: str) -> bool:
    """Of the form of RFC 9457, with our members, and consistent with its status."""
    body = reply.body
    assert (reply.status, body["status"], body["code"]) == (status, status, code), reply.raw
    assert body["type"] == f"/errors/{code}"
    assert body["title"] == KINDS[code].title
    assert body["detail"]
    assert body["instance"].startswith("/")
    assert body["request_id"] == reply.headers["request-id"]
    assert body["retryable"] is KINDS[code].retryable
    return reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "raw",
    [
        b" ", b"null?", b"{", b'{"a":1}x', b"\xff\xfe", b'\xef\xbb\xbf{}', '{"merchant_reference":"\u00e9"}'.encode("latin-1"), b'{"a":NaN}',
        b'{"a":-Infinity}', b"{'a':1}", DEEP, b"[" * 60_000,
        b'{"a":' + b"9" * 5_000 + b"}", '{"a":1}'.encode("utf-16"),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_not_json(regular: Merchant, raw: bytes) -> None:
    assert is_a_problem(regular.post(ORDER, raw=raw, headers=[("Content-Type", "application/json")]), 400, "malformed_json")


@pytest.mark.parametrize(
    ("raw", "twice"), [(b'{"quote":"a","quote":"b"}', "quote"), (b'{"a":{"b":1,"b":2}}', "b"), (b'{"\\u0061":1,"a":1}', "a")]
)
def test_what_could_be_read_in_two_ways_is_refused_by_the_name_of_the_member(regular: Merchant, raw: bytes, twice: str) -> None:
    reply = regular.post(ORDER, raw=raw)
    assert is_a_problem(reply, 400, "duplicate_member")
    assert repr(twice) in reply.body["detail"]


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_what_is_json_and_no_object(regular: Merchant, raw: bytes) -> None:
    reply = regular.post(ORDER, raw=raw)
    assert is_a_problem(reply, 422, "invalid_request")
    assert reply.pointers == ["#"]


WRONG: list[tuple[str, Any]] = [
    ("merchant_reference", 5), ("merchant_reference", None), ("merchant_reference", ""), ("merchant_reference", "x" * 65),
    ("merchant_reference", "a\nb"), ("merchant_reference", "a\x00b"), ("merchant_reference", "\ud800"), ("merchant_reference", ["a"]),
    ("quote", "quo_"), ("quote", "ord_01h455vb4pex5vsknk084sn02q"), ("quote", "quo_01h455vb4pex5vsknk084sn02Q!"), ("quote", "x" * 10_000),
    ("quote", " quo_01h455vb4pex5vsknk084sn02q"), ("consumer", "csm_01h455vb4pex5vsknk084sn02q\n"),
    ("quote", "' OR 1=1 --"), ("quote", 1.5), ("consumer", {"id": 1}), ("consumer", True), ("channel", "by pigeon"), ("channel", None),
    ("surprise", 1), ("limit", 1), ("state", "captured"), ("a/b~c", 1), ("x" * 5_000, 1),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value"), WRONG, ids=range(len(WRONG)))
def test_a_member_that_is_wrong_is_named(regular: Merchant, member: str, value: Any) -> None:
    good = {"quote": "quo_01h455vb4pex5vsknk084sn02q", "consumer": "csm_01h455vb4pex5vsknk084sn02q", "merchant_reference": "A"}
    reply = regular.post(ORDER, good | {member: value})
    assert is_a_problem(reply, 422, "invalid_request")
    named = member.encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")
    assert reply.pointers == [f"#/{named}"[:200]]
    assert len(reply.raw) < 2_000


def test_a_member_whose_name_is_no_text_is_refused(regular: Merchant) -> None:
    assert is_a_problem(regular.post(ORDER, {"\ud800": 1, "merchant_reference": "A"}), 422, "invalid_request")


def test_each_missing_member_is_named(regular: Merchant) -> None:
    reply = regular.post(ORDER, {})
    assert is_a_problem(reply, 422, "invalid_request")
    assert reply.pointers == ["#/quote", "#/consumer", "#/merchant_reference"]
    assert "more" not in reply.body["detail"]
    four = regular.post("/v1/quotes", {}, key=None)
    assert len(four.pointers) == 4
    assert four.body["detail"].endswith("; and 1 more")


@pytest.mark.parametrize("verb", ["capture", "void", "refund"])
@pytest.mark.parametrize("raw", [None, b""], ids=["no body", "a body of no bytes"])
def test_all_is_asked_for_in_words(regular: Merchant, verb: str, raw: bytes | None) -> None:
    """No body is no answer to the question how much."""
    path = f"{ORDER}/{regular.captured() if verb == 'refund' else regular.placed()}"
    before = regular.get(path).body
    reply = regular.post(f"{path}/{verb}", raw=raw)
    assert is_a_problem(reply, 400, "body_missing")
    assert "{}" in reply.body["detail"]
    assert regular.get(path).body == before
    assert regular.post(f"{path}/{verb}", {}).status in (200, 201)


def test_a_body_that_two_lengths_are_told_of_is_not_taken_for_all(merchant: Merchant, server: Server) -> None:
    """The server reads one of them and sees no body; a proxy before it may have read the other, and a part in it."""
    path = f"{ORDER}/{merchant.captured()}"
    head = (
        f"POST {path}/refund HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {merchant.issued.secret}\r\nContent-Type: application/json\r\n"
        "Idempotency-Key: K\r\nContent-Length: 15\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"0\r\n\r\n" + b'{"amount": 100}')
        answered = connection.makefile("rb").read()
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"body_missing"' in answered
    assert merchant.get(path).body["amount_refunded"] == 0


@pytest.mark.parametrize(
    "chunks", [b"ZZ\r\nabc\r\n0\r\n\r\n", b"5\r\nab\r\n0\r\n\r\n", b"-5\r\nab\r\n0\r\n\r\n"], ids=["no number", "too short", "negative"]
)
def test_a_body_in_chunks_that_are_none_is_told_apart_from_an_error_of_ours(merchant: Merchant, server: Server, chunks: bytes) -> None:
    head = (
        f"POST {ORDER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {merchant.issued.secret}\r\nContent-Type: application/json\r\n"
        "Idempotency-Key: K\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode() + chunks)
        answered = connection.makefile("rb").read()
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"body_cut_off"' in answered
    assert merchant.post(ORDER, merchant.order(), key="K").status == 201  # the key was not claimed


@pytest.mark.parametrize("member", [{f"m{n}": n for n in range(4_000)}], ids=["many"])
def test_the_faults_told_are_bounded(regular: Merchant, member: dict[str, int]) -> None:
    reply = regular.post(ORDER, member)
    assert is_a_problem(reply, 422, "invalid_request")
    assert len(reply.pointers) == 20


AMOUNTS: list[Any] = [0, -1, -(10**15), 10**15 + 1, 10**18, 2**63, 10**30, 1.0, 1.5, 1e3, "100", "1e3", "", True, [1], {"minor": 1}]


@pytest.mark.parametrize("amount", AMOUNTS, ids=range(len(AMOUNTS)))
@pytest.mark.parametrize("verb", ["capture", "refund"])
def test_an_amount_is_a_whole_number_above_zero(regular: Merchant, verb: str, amount: Any) -> None:
    reply = regular.post(f"{ORDER}/ord_01h455vb4pex5vsknk084sn02q/{verb}", {"amount": amount})
    assert is_a_problem(reply, 422, "invalid_request")
    assert reply.pointers == ["#/amount"]


@pytest.mark.parametrize("currency", ["XXX", "cny", "CNYY", "", "¥", 156])
def test_a_currency_is_an_iso_code(regular: Merchant, currency: Any) -> None:
    assert regular.post(f"{ORDER}/ord_01h455vb4pex5vsknk084sn02q/capture", {"amount": 1, "currency": currency}).pointers == ["#/currency"]


def test_a_currency_of_nothing_is_refused(regular: Merchant) -> None:
    reply = regular.post(f"{ORDER}/{regular.placed()}/capture", {"currency": "CNY"})
    assert is_a_problem(reply, 422, "invalid_request")
    assert reply.pointers == ["#"]


def test_the_currency_of_another_country_is_refused(regular: Merchant) -> None:
    reply = regular.post(f"{ORDER}/{regular.placed()}/capture", {"amount": 100, "currency": "EUR"})
    assert is_a_problem(reply, 422, "other_currency")
    assert reply.pointers == ["#/currency"]


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", "application/jsonx"]
)
def test_a_body_is_declared_as_json(regular: Merchant, kind: str | None) -> None:
    headers = [("Content-Type", kind)] if kind is not None else [("content-type", "")]
    assert is_a_problem(regular.post(ORDER, raw=b'{"a":1}', headers=headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'])
def test_json_is_json_however_it_is_spelt(regular: Merchant, kind: str) -> None:
    assert regular.post(ORDER, regular.order(), headers=[("Content-Type", kind)]).status == 201


def test_a_body_of_more_than_64_kb_is_refused_declared_or_not(merchant: Merchant, server: Server) -> None:
    import http.client

    large = json.dumps({"merchant_reference": "x" * 70_000}).encode()
    assert is_a_problem(merchant.post(ORDER, raw=large), 413, "body_too_large")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Authorization": f"Bearer {merchant.issued.secret}", "Idempotency-Key": "K", "Content-Type": "application/json"}
    connection.request("POST", ORDER, body=iter([large[:40_000], large[40_000:]]), headers=headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v1/orders/", "/v1/order", "/v2/orders", "/v1/orders/a/b/c", "/v1//orders", "/v1/orders//capture", "/v1/%00", "/v1/%ff",
     "/v1/" + "x" * 5_000],
)  # fmt: skip
def test_an_address_where_there_is_nothing(regular: Merchant, path: str) -> None:
    if path.startswith("/v1"):
        assert is_a_problem(regular.get(path), 404, "not_found")
    else:
        assert regular.get(path).status == 404


@pytest.mark.parametrize("verb", ["capture", "void", "refund"])
@pytest.mark.parametrize("slash", ["%2F", "%2f"])
def test_a_slash_inside_a_segment_separates_nothing(regular: Merchant, slash: str, verb: str) -> None:
    """Whoever puts an id of others into an address encodes it: what stands in it then chooses no other verb."""
    order = regular.captured()
    assert is_a_problem(regular.post(f"{ORDER}/{order}{slash}{verb}", {}), 404, "not_found")
    assert regular.get(f"{ORDER}/{order}").body["state"] == "captured"
    assert is_a_problem(regular.get(f"/v1{slash}orders"), 404, "not_found")


def test_an_address_is_the_same_however_its_letters_are_sent(regular: Merchant) -> None:
    order = regular.placed()
    shown = regular.get(f"{ORDER}/{order}")
    assert shown.raw == regular.get(f"/v1/%6frders/{order.replace('_', '%5F')}").raw


@pytest.mark.parametrize(
    "name", ["ord_", "nonsense", "ord_01h455vb4pex5vsknk084sn02q", "csm_01h455vb4pex5vsknk084sn02q", "%27", "x" * 3_000, "ord_%00"]
)
@pytest.mark.parametrize("verb", ["", "/capture", "/void", "/refund"])
def test_an_order_that_is_not_there(regular: Merchant, name: str, verb: str) -> None:
    path = f"{ORDER}/{name}{verb}"
    assert is_a_problem(regular.post(path, {}) if verb else regular.get(path), 404, "unknown_order")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", ORDER, "GET, HEAD, POST"), ("DELETE", ORDER, "GET, HEAD, POST"), ("PATCH", f"{ORDER}/ord_x", "GET, HEAD, POST"),
        ("DELETE", f"{ORDER}/ord_x", "GET, HEAD, POST"), ("GET", f"{ORDER}/ord_x/capture", "POST"), ("HEAD", "/v1/quotes", "POST"),
        ("OPTIONS", ORDER, "GET, HEAD, POST"), ("POST", "/v1/openapi.json", "GET, HEAD"), ("BREW", ORDER, "GET, HEAD, POST"),
    ],
)  # fmt: skip
def test_a_method_that_the_address_does_not_take(regular: Merchant, method: str, path: str, allow: str) -> None:
    reply = regular.ask_with(method, path, secret=regular.issued.secret)
    assert (reply.status, reply.headers["allow"]) == (405, allow)
    assert method == "HEAD" or is_a_problem(reply, 405, "method_not_allowed")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=-1", "limit=ten", "limit=", "limit=1.0", "limit=٣", "limit=1&limit=2", "page=2", "starting_after=x",
     "starting_after=ord_01h455vb4pex5vsknk084sn02q", "starting_after=&ending_before=", "%", "limit=%ff", "&".join(f"a{n}=1" for n in range(50))],
)  # fmt: skip
def test_a_parameter_that_is_wrong(regular: Merchant, query: str) -> None:
    from urllib.parse import quote

    assert is_a_problem(regular.get(f"{ORDER}?{quote(query, safe='=&%')}"), 400, "invalid_parameter")


def test_a_post_takes_no_parameters(regular: Merchant) -> None:
    assert is_a_problem(regular.post(f"{ORDER}?amount=1", regular.order()), 400, "invalid_parameter")


def test_head_is_get_without_a_body(regular: Merchant) -> None:
    path = f"{ORDER}/{regular.placed()}"
    shown, head = regular.get(path), regular.ask_with("HEAD", path, secret=regular.issued.secret)
    assert (head.status, head.raw, head.headers["content-length"]) == (200, b"", str(len(shown.raw)))


def test_what_a_quote_cannot_be(regular: Merchant) -> None:
    good = {"product": "free", "amount": 199_900, "currency": "CNY", "periods": 3}
    found = {
        regular.post("/v1/quotes", good | change, key=None).code
        for change in (
            {"product": "nothing"}, {"amount": 1}, {"amount": 10**14}, {"periods": 5}, {"currency": "EUR"}, {"periods": 12},
            {"consumer": "csm_01h455vb4pex5vsknk084sn02q"}, {"language": "fr"},
        )
    }  # fmt: skip
    assert found == {
        "unknown_product", "below_minimum", "above_maximum", "periods_not_offered", "currency_differs", "no_discount_agreed",
        "unknown_consumer", "invalid_request",
    }  # fmt: skip


def test_the_member_that_is_wrong_of_a_quote_in_another_currency_is_the_currency(regular: Merchant) -> None:
    reply = regular.post("/v1/quotes", {"product": "free", "amount": 199_900, "currency": "EUR", "periods": 3}, key=None)
    assert is_a_problem(reply, 422, "currency_differs")
    assert reply.pointers == ["#/currency"]


def test_an_order_on_the_quote_of_another_merchant_or_day_is_refused(merchant: Merchant, neighbour: Merchant) -> None:
    body = merchant.order()
    theirs = neighbour.quote(body["consumer"])
    reply = merchant.post(ORDER, body | {"quote": theirs})
    assert is_a_problem(reply, 422, "unknown_quote")
    assert reply.pointers == ["#/quote"]
    merchant.shop.next_day()
    assert is_a_problem(merchant.post(ORDER, body), 409, "quote_outdated")


def test_a_client_that_goes_away_in_its_body_has_asked_nothing(merchant: Merchant, inside: Any) -> None:
    api: InProcess = inside()
    reply = api.ask("POST", ORDER, merchant.order(), secret=merchant.issued.secret, key="K", gone=True)
    assert is_a_problem(reply, 400, "body_cut_off")  # for who is still there to read it
    assert merchant.get(ORDER).body["data"] == []


def test_a_body_that_does_not_come_is_not_waited_for(merchant: Merchant, inside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from yuefu.api import application

    monkeypatch.setattr(application, "BODY_WITHIN_S", 0.05)
    reply = inside().ask("POST", ORDER, merchant.order(), secret=merchant.issued.secret, key="K", slow=True)
    assert is_a_problem(reply, 408, "request_timeout")
    assert merchant.get(ORDER).body["data"] == []


def test_every_refusal_that_can_be_met_has_a_code_of_its_own() -> None:
    """A new refusal of the journeys is given a status, a title and advice."""
    from yuefu.api.problems import of_refusal
    from yuefu.errors import Refused
    from yuefu.journeys import repayment
    from yuefu.journeys.checkout import values
    from yuefu.offers.rules import quote
    from yuefu.orders import rules
    from yuefu.payments import rules as payments

    codes = {
        value
        for module in (values, quote, rules)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and "." not in value and value not in ("merchant", "published")
    }
    codes |= {repayment.UNKNOWN_LOAN, repayment.NOTHING_DUE, repayment.INSTRUMENT_INVALID}
    codes |= {payments.AMOUNT_NOT_POSITIVE, payments.CURRENCY_DIFFERS, payments.NO_MONEY_ACCOUNT}
    assert len(codes) > 20
    unnamed = {code for code in codes if of_refusal(Refused(code), []).code == "refused"}
    assert unnamed == set()
