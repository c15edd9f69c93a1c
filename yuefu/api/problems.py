"""Problems (RFC 9457): every code with its status, its title, whether sending the same again can help, and what to do about it.

A code means the same for ever, and has one status and one title. `type` is the address of a page that explains it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext_noop as _

from yuefu.errors import Refused


class Kind(NamedTuple):
    """What a code means. `advice` says what to do; both texts are those of the page too."""

    status: int
    title: str
    advice: str
    retryable: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    # The request cannot be read.
    "body_missing": Kind(400, _("The body is missing"), _("Send a JSON object; {} stands for all that there is.")),
    "body_cut_off": Kind(
        400,
        _("The body ends before it is whole"),
        _("Nothing was begun. Send the request again with the same key; check its length or chunks."),
        True,
    ),
    "malformed_json": Kind(400, _("The body is not JSON"), _("Send one JSON object in UTF-8, without a byte order mark.")),
    "duplicate_member": Kind(400, _("A member stands in the body more than once"), _("Send each member once.")),
    "api_version_unknown": Kind(
        400, _("There is no such version of the API"), _("Send one of the versions that the detail names, or no header Api-Version.")
    ),
    "invalid_parameter": Kind(400, _("A parameter of the address is wrong"), _("Read what the detail says and correct the address.")),
    "merchant_not_named": Kind(
        400,
        _("For whom the agent acts is missing"),
        _("Send the header On-Behalf-Of with the id of a merchant; /v1/merchants lists yours."),
    ),
    "idempotency_key_missing": Kind(
        400, _("The Idempotency-Key is missing"), _("Send a new random key with each request; repeat a request with its own.")
    ),
    "idempotency_key_invalid": Kind(
        400, _("The Idempotency-Key cannot be used"), _("Send 1 to 255 printable ASCII characters, bare or as a quoted string.")
    ),
    "request_timeout": Kind(408, _("The body did not arrive in time"), _("Send the request again."), True),
    "body_too_large": Kind(413, _("The body is too large"), _("No request needs more than 64 KB, but for one that sends a file.")),
    "unsupported_media_type": Kind(415, _("The body is not declared as JSON"), _("Send the header Content-Type: application/json.")),
    "invalid_request": Kind(422, _("The request is not as it should be"), _("Correct the members that errors names.")),
    # Who asks.
    "key_missing": Kind(401, _("An API key is needed"), _("Send the header Authorization: Bearer sk_…; your platform gives you the key.")),
    "key_malformed": Kind(401, _("This is not an API key"), _("The key was typed wrong or cut off: copy it again, whole.")),
    "key_unknown": Kind(401, _("There is no such API key"), _("Check that it is a key of this platform, test or live.")),
    "key_expired": Kind(
        401, _("The API key has expired"), _("Use the key that replaced it, or ask your platform for a new one (yuefu key issue).")
    ),
    "key_revoked": Kind(
        401, _("The API key was revoked"), _("Ask your platform for a new one (yuefu key issue), and why this one was revoked.")
    ),
    "scope_missing": Kind(
        403, _("The API key may not do this"), _("Ask your platform for a key with the scope that the detail names (yuefu key issue).")
    ),
    "address_not_allowed": Kind(
        403, _("The API key may not be used from this address"), _("Send the request from one of the networks that the key is for.")
    ),
    "test_mode_only": Kind(403, _("This is for test keys only"), _("Use a key that begins with sk_test_ or rk_test_.")),
    "not_an_agent": Kind(403, _("Only an agent acts for others"), _("Leave the header On-Behalf-Of out: the key is of a merchant.")),
    "merchant_not_yours": Kind(403, _("There is no such merchant of yours"), _("See /v1/merchants for whom you may act.")),
    "callback_not_trusted": Kind(
        401, _("The signature of the callback does not hold"), _("Sign the bytes as they are sent, and send them within five minutes.")
    ),
    # Where it was sent.
    "unknown_callback_channel": Kind(
        404, _("There is no such channel of callbacks"), _("Check the address at which your platform takes callbacks.")
    ),
    "not_found": Kind(404, _("There is nothing at this address"), _("See /v1/openapi.json for what there is.")),
    "unknown_order": Kind(404, _("There is no such order"), _("Check the id; orders of other merchants are not shown.")),
    "unknown_merchant": Kind(404, _("There is no such merchant"), _("Check the id; merchants for whom you may not act are not shown.")),
    "unknown_store": Kind(404, _("There is no such store"), _("Check the id; stores of other merchants are not shown.")),
    "unknown_terminal": Kind(404, _("There is no such till"), _("Check the id; tills of other merchants are not shown.")),
    "unknown_qr_code": Kind(404, _("There is no such QR code"), _("Check the id; codes of other merchants are not shown.")),
    "unknown_checkout": Kind(404, _("There is no such checkout session"), _("Check the id; sessions of other merchants are not shown.")),
    "unknown_api_key": Kind(404, _("There is no such API key"), _("Check the id; keys of other merchants are not shown.")),
    "unknown_loan": Kind(404, _("There is no such loan"), _("Check the id; loans of orders of other merchants are not shown.")),
    "unknown_event": Kind(404, _("There is no such event"), _("Check the id; events of other merchants are not shown.")),
    "unknown_webhook_endpoint": Kind(404, _("There is no such webhook endpoint"), _("Check the id; one that was deleted is gone.")),
    "unknown_test_clock": Kind(404, _("There is no such test clock"), _("Check the id; test clocks of other merchants are not shown.")),
    "unknown_capture": Kind(404, _("There is no such capture"), _("Check the id; captures of other merchants are not shown.")),
    "unknown_refund": Kind(404, _("There is no such refund"), _("Check the id; refunds of other merchants are not shown.")),
    "unknown_balance_transaction": Kind(
        404, _("There is no such balance transaction"), _("Check the id; those of other merchants are not shown.")
    ),
    "unknown_payout": Kind(404, _("There is no such payout"), _("Check the id; payouts to other merchants are not shown.")),
    "unknown_batch": Kind(404, _("There is no such settlement"), _("Check the id; settlements of other merchants are not shown.")),
    "unknown_statement": Kind(404, _("There is no statement of this month"), _("See /v1/statements for the months that there are.")),
    "unknown_dispute": Kind(404, _("There is no such dispute"), _("Check the id; disputes of other merchants are not shown.")),
    "unknown_file": Kind(404, _("There is no such file"), _("Check the id; files of other merchants are not shown.")),
    "unknown_invoice": Kind(404, _("There is no such invoice"), _("Check the id; invoices of other merchants are not shown.")),
    "method_not_allowed": Kind(405, _("This address does not take this method"), _("The header Allow says which it takes.")),
    # What became of it.
    "order_declined": Kind(
        402, _("The order was declined"), _("The reasons say why. The decision stays for this key; another purchase needs another key.")
    ),
    "repayment_failed": Kind(
        402,
        _("The payment channel took nothing"),
        _("The reasons say why. The answer stays for this key; another try, or another card, needs another key."),
    ),
    "idempotency_key_reused": Kind(
        422, _("The Idempotency-Key was used for something else"), _("Use a new key for a new request; repeat an old one exactly.")
    ),
    "request_in_progress": Kind(
        409, _("The request is still being carried out"), _("Send it again with the same key, after the seconds of Retry-After."), True
    ),
    "repayment_pending": Kind(
        409,
        _("The payment channel has not said yet whether money moved"),
        _("Do not pay again: send the same with the same key until it is answered, after the seconds of Retry-After."),
        True,
    ),
    "statement_not_proven": Kind(
        409,
        _("The statement does not agree with the books"),
        _("Nothing is given out that does not add up: tell us the request_id, and ask again when we have mended it."),
    ),
    "key_not_in_force": Kind(409, _("The API key is revoked or expired"), _("Make a new one.")),
    "key_already_rolled": Kind(409, _("The API key was replaced before"), _("Roll the one that replaced it.")),
    "dispute_step_not_possible": Kind(409, _("The dispute does not take this step"), _("Look at its state; the detail says why.")),
    "dispute_too_late": Kind(
        409, _("The days to answer or to appeal are over"), _("Nothing can be done any more; of another dispute, due_on says until when.")
    ),
    "evidence_missing": Kind(409, _("There is no evidence to answer with"), _("Add evidence first, or accept the dispute.")),
    "evidence_too_much": Kind(409, _("The dispute has as much evidence as it may have"), _("Answer with what is there.")),
    "nothing_due": Kind(409, _("Nothing is due on the loan today"), _("Collect when an instalment is due.")),
    "more_than_due": Kind(409, _("Less is due on the loan today"), _("Ask for what is due or less; leave the amount out for all that is.")),
    "no_money_account": Kind(409, _("The platform has no account that money could come to"), _("Speak to your platform.")),
    "order_not_authorised": Kind(409, _("The order was declined and can only be asked again"), _("Place a new order.")),
    "nothing_left_to_capture": Kind(409, _("Nothing of the order is left to capture or void"), _("Look at the state of the order.")),
    "authorisation_expired": Kind(409, _("The authorisation has expired"), _("Place a new order; the consumer has to agree again.")),
    "nothing_to_extend": Kind(
        409,
        _("The authorisation can hold no longer"),
        _("It holds for as long as it may: until the first due day shown, half a year at most."),
    ),
    "nothing_captured": Kind(409, _("Nothing of the order was captured"), _("Void the order, which gives all of it back.")),
    "checkout_over": Kind(
        409, _("The checkout session is over"), _("Look at its state: it is completed, expired or cancelled. Open another one if need be.")
    ),
    "merchant_reference_taken": Kind(
        409, _("An order has this merchant reference already"), _("List the orders of this reference; a new purchase needs a new one.")
    ),
    "calendar_passed": Kind(409, _("The first due day that was shown has come"), _("Quote again and place a new order.")),
    "quote_outdated": Kind(409, _("The quote is not of today"), _("Quote again and show it to the consumer.")),
    "quote_not_personal": Kind(409, _("The quote has other due days than this consumer"), _("Quote again with the consumer.")),
    "webhook_endpoint_not_enabled": Kind(409, _("The webhook endpoint is disabled"), _("Enable it first: send disabled as false.")),
    "too_many_webhook_endpoints": Kind(409, _("There are as many webhook endpoints as a merchant may have"), _("Delete one first.")),
    "no_contract": Kind(409, _("The merchant has no contract in force"), _("Speak to your platform.")),
    "no_such_plan": Kind(409, _("The contract has no such plan"), _("Quote again with periods that your contract has.")),
    "scopes_beyond_own": Kind(
        422, _("That API key would do more than this one"), _("Ask with a key that may itself what the detail names.")
    ),
    "metadata_too_many": Kind(422, _("The object would have too many names of metadata"), _("Drop names by giving them an empty text.")),
    "unknown_fixture": Kind(422, _("The address names nobody to practise with"), _("Send an address of the form that the detail names.")),
    "fixture_taken": Kind(409, _("Nobody is free for this address"), _("Add another tag to the address.")),
    "own_book_only": Kind(409, _("This key is of a test clock"), _("Make test clocks with a key of your own test book.")),
    "too_many_test_clocks": Kind(409, _("There are too many test clocks"), _("Delete one that is not needed any more.")),
    "test_clock_not_ready": Kind(409, _("The test clock is still being made"), _("Send the request again when its status is ready."), True),
    "test_clock_advancing": Kind(
        409, _("The test clock is advancing"), _("Wait until its status is ready, then send the request again."), True
    ),
    "test_clock_deleted": Kind(409, _("The test clock was deleted"), _("Make another one.")),
    "test_clock_forward_only": Kind(
        422, _("A test clock only moves forward"), _("Send a time later than that of the clock, or make another clock.")
    ),
    "advance_too_long": Kind(422, _("The advance is too long"), _("Go on in steps of at most as many days as the detail says.")),
    "frozen_time_invalid": Kind(422, _("A test clock cannot stand at this time"), _("Send a time that the detail allows.")),
    "clock_name_invalid": Kind(422, _("The name cannot be used"), _("Send at most 60 printable characters, without blanks at the ends.")),
    "other_currency": Kind(422, _("The currency is not that of the order"), _("Send the amount in the currency of the order.")),
    "amount_not_positive": Kind(422, _("The amount must be more than zero"), _("Send a whole number of minor units above zero.")),
    "capture_exceeds_authorised": Kind(422, _("The amount is more than is left to capture"), _("Capture at most what the detail says.")),
    "capture_too_small": Kind(
        422, _("The amount is too small for so many instalments"), _("Capture at least one minor unit an instalment.")
    ),
    "instrument_invalid": Kind(422, _("The instrument cannot be used"), _("Send 1 to 128 printable characters.")),
    "refund_exceeds_captured": Kind(422, _("The amount is more than can be refunded"), _("Refund at most what the detail says.")),
    "merchant_reference_invalid": Kind(
        422, _("The merchant reference cannot be used"), _("Send 1 to 64 printable characters, without blanks at the ends.")
    ),
    "unknown_way_back": Kind(422, _("There is no such way back"), _("Send one of those that the detail names.")),
    "category_invalid": Kind(422, _("This is no category"), _("Send the code of a category: 2 to 40 of a-z, 0-9, - and _.")),
    "store_not_selling": Kind(422, _("There is no such store that sells"), _("Name a store of yours that is not closed.")),
    "terminal_not_selling": Kind(
        422, _("There is no such till that sells"), _("Name a till of yours that is not closed, nor is its store.")
    ),
    "no_such_session": Kind(422, _("There is no such checkout session"), _("Check the id; sessions of other merchants are not shown.")),
    "store_not_of_channel": Kind(
        422, _("Only what is sold in a store names one"), _("Send the channel store, or leave store and terminal out.")
    ),
    "code_taken": Kind(409, _("This code is taken"), _("Choose another code; what was closed keeps its own.")),
    "code_invalid": Kind(422, _("This is no code"), _("Send 2 to 40 of a-z, 0-9, - and _, not beginning with - or _.")),
    "name_invalid": Kind(422, _("This is no name"), _("Send 1 to 120 printable characters, without blanks at the ends.")),
    "address_invalid": Kind(422, _("This is no address of a store"), _("Send 1 to 255 printable characters, without blanks at the ends.")),
    "place_closed": Kind(409, _("The store or till is closed"), _("Open another one: what was closed stays closed.")),
    "url_invalid": Kind(
        422,
        _("The address cannot be used"),
        _("Send an address with https:// of one of your pages; in a test book also http on localhost."),
    ),
    "expiry_invalid": Kind(422, _("A session cannot be open for so long"), _("Send 300 to 172800 seconds.")),
    "no_plan_offered": Kind(422, _("No plan is offered for this amount"), _("Ask /v1/price_labels which amounts have plans.")),
    "unknown_line": Kind(422, _("The order has no such line"), _("Lines are numbered from 1 in the order in which they were sent.")),
    "pieces_exceeded": Kind(422, _("These are more pieces than are left"), _("The detail says how many of the line are left.")),
    "shipping_invalid": Kind(
        422, _("The shipment is not as it should be"), _("Send carrier and tracking number, 1 to 64 printable characters each.")
    ),
    "lines_invalid": Kind(422, _("A line of the cart is not as it should be"), _("The detail says which line, and what it should be.")),
    "lines_do_not_add_up": Kind(
        422, _("The lines do not come to the amount"), _("Quantity by unit amount, over all lines, is the amount to the minor unit.")
    ),
    "dearer_on_credit": Kind(
        422, _("A price is raised for credit"), _("Sell for the cash price: what is added for credit is a cost of it, and is not allowed.")
    ),
    "unknown_host": Kind(422, _("There is no such host"), _("Send the code of an active host, and only with the channel live.")),
    "unknown_channel": Kind(422, _("There is no such channel"), _("Send one of the channels that the detail names.")),
    "unknown_consumer": Kind(422, _("There is no such consumer"), _("Check the id of the consumer.")),
    "unknown_language": Kind(422, _("There is no such language"), _("Send one of the languages that the detail names.")),
    "unknown_product": Kind(422, _("No such product is offered"), _("Check the code of the product.")),
    "unknown_quote": Kind(
        422, _("There is no such quote for this consumer"), _("Quote first: a consumer can only agree to what you showed them.")
    ),
    "not_published": Kind(422, _("The product is not offered any more"), _("Choose another product.")),
    "currency_differs": Kind(422, _("The currency is another one"), _("Send the amount in the currency that the detail names.")),
    "below_minimum": Kind(422, _("The amount is too small for the product"), _("The detail says where the product begins.")),
    "above_maximum": Kind(422, _("The amount is too large for the product"), _("The detail says where the product ends.")),
    "periods_not_offered": Kind(422, _("The product has no plan of so many periods"), _("The detail says which it has.")),
    "no_discount_agreed": Kind(422, _("The contract pays for no plan of so many periods"), _("Quote with periods that your contract has.")),
    "url_not_https": Kind(422, _("Webhooks of a live book go to https only"), _("Send an address that begins with https://.")),
    "url_port_not_allowed": Kind(422, _("Webhooks do not go to this port"), _("Use one of the ports that the detail names.")),
    "url_address_not_allowed": Kind(
        422,
        _("The address is not of the public network"),
        _("Use a host that the whole internet can reach; see docs/webhooks.md for tests."),
    ),
    "unknown_event_type": Kind(
        422, _("There is no such type of event"), _("Send types, or patterns such as payment.*, of docs/webhooks.md.")
    ),
    "email_invalid": Kind(422, _("This is no e-mail address"), _("Send one such as people@example.com.")),
    "nothing_to_change": Kind(422, _("The request changes nothing"), _("Send at least one member that is to be different.")),
    "too_many_events": Kind(422, _("The range has too many events"), _("Ask for a shorter range at a time.")),
    "evidence_invalid": Kind(422, _("This is no evidence"), _("Send a text or a file; the detail says what is wrong.")),
    "evidence_file_unknown": Kind(422, _("There is no such file of yours"), _("Send the file first, and its id with the evidence.")),
    "file_empty": Kind(422, _("The file has no bytes"), _("Send the bytes of the file in base64.")),
    "file_too_large": Kind(422, _("The file is too large"), _("Send at most 5 MB.")),
    "file_kind_unknown": Kind(422, _("The file is of a kind that is not taken"), _("Send a PDF, a PNG, a JPEG, or a text in UTF-8.")),
    "file_name_invalid": Kind(422, _("The file cannot be called so"), _("Send a name of 1 to 100 characters, without slashes and quotes.")),
    "text_invalid": Kind(422, _("The text cannot be used"), _("The detail says how long it may be; printable characters only.")),
    "refused": Kind(422, _("The request was refused"), _("The detail says why.")),
    # It is not about the request.
    "rate_limited": Kind(
        429,
        _("The API key has sent more requests than it may in a minute"),
        _("Wait the seconds of Retry-After. The headers RateLimit-Policy and RateLimit of each answer say how many are left."),
        True,
    ),
    "too_many_requests": Kind(
        429, _("Too many of your requests are waiting"), _("Wait the seconds of Retry-After and send fewer at the same time."), True
    ),
    "internal_error": Kind(
        500, _("Something went wrong on our side"), _("Send it again with the same key; if it stays so, tell us the request_id."), True
    ),
    "request_quarantined": Kind(
        500, _("The request broke something and was put aside"), _("Nothing was done. Tell us its id; sending it again will not help.")
    ),
    "busy": Kind(503, _("Too much is waiting"), _("Send it again with the same key, after the seconds of Retry-After."), True),
    "unavailable": Kind(
        503, _("The database cannot be used at the moment"), _("Send it again with the same key, after the seconds of Retry-After."), True
    ),
    "no_open_day": Kind(503, _("The book has no open business day"), _("Send it again later."), True),
    "read_only": Kind(503, _("The book takes nothing at the moment"), _("Send it again later."), True),
}

_PUBLIC: Final[Mapping[str, str]] = {
    "metadata_invalid": "metadata_too_many",  # what else may be wrong with it is seen in the body
    "key_reused": "idempotency_key_reused",
    "key_invalid": "idempotency_key_invalid",
    "order_declined": "order_not_authorised",  # what is refused to whom acts on a declined order; the decline itself is an answer
    "unknown_event": "unknown_way_back",  # of orders: what comes back, and why
    "unknown_event_id": "unknown_event",
    "unknown_merchant": "no_contract",  # the key is of a merchant that exists
}
"""Refusals whose name here says more to a merchant than the one inside."""

_MEMBERS: Final[Mapping[str, str]] = {"currency_differs": "currency", "other_currency": "currency"}
"""Refusals that name the amount, because inside it has its currency with it: which of the two members of a body is meant."""

RETRY_AFTER_S: Final = {408: 1, 409: 1, 429: 1, 503: 2}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where it stands in the body (a JSON pointer) or which parameter it is."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(Exception):
    """Why a request is not answered with what it asked for. `more` are members beside those of the RFC."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        faults: Sequence[Fault] = (),
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code, self.kind, self.detail = code, KINDS[code], detail
        self.faults, self.more, self.headers = faults, more or {}, headers or {}

    def body(self, *, request_id: str, instance: str) -> dict[str, Any]:
        """The members of the problem, `request_id` being that of the request it was first told to."""
        members: dict[str, Any] = {
            "type": f"/errors/{self.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail or self.kind.advice,
            "instance": instance,
            "code": self.code,
            "request_id": request_id,
            "retryable": self.kind.retryable,
        }
        if self.faults:
            members["errors"] = [_fault(fault) for fault in self.faults]
        return {**members, **self.more}

    def all_headers(self) -> dict[str, str]:
        """Headers that go with the status."""
        found = {"Retry-After": str(RETRY_AFTER_S[self.kind.status])} if self.kind.retryable and self.kind.status in RETRY_AFTER_S else {}
        return {**found, **self.headers}


def _fault(fault: Fault) -> dict[str, str]:
    told = {"detail": fault.detail, "pointer": fault.pointer, "parameter": fault.parameter}
    return {name: value for name, value in told.items() if value is not None}


def of_refusal(refused: Refused, members: Sequence[str]) -> Problem:
    """The problem that a refusal is; `members` are those of the body, of which it may name one."""
    code = _PUBLIC.get(refused.code, refused.code)
    faults = []
    name = _MEMBERS.get(refused.code, refused.field)
    if name and name not in members and name.removesuffix("_id") in members:
        name = name.removesuffix("_id")
    if name in members:
        faults = [Fault(refused.detail, pointer=f"#/{name}")]
    elif name in ("order_id", "loan_id"):
        faults = [Fault(refused.detail, parameter=name)]
    more = {} if code in KINDS else {"reason": refused.code}
    return Problem(code if code in KINDS else "refused", refused.detail, faults=faults, more=more)
