"""A method for each address of the API. Made by tools/client_models.py; nothing here is changed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

from yuefu_client.answers import Download
from yuefu_client.generated import models
from yuefu_client.pages import Page
from yuefu_client.requests import Request, given, listed, segment
from yuefu_client.transport import Transport


class PriceLabels:
    """/v1/price_labels"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        amount: int,
        currency: str | None = None,
        product: str | None = None,
        periods: int | None = None,
        language: Literal["zh", "en"] | None = None,
    ) -> Page[models.PriceLabel]:
        """What an amount costs by the month.

        amount: Minor units: 19900 is 199.00 CNY.
        currency: That of the amount; without it that of the book.
        product: Only the plans of this product.
        periods: Only the plans of so many periods.
        language: Of the texts.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/price_labels",
                query=given({"amount": amount, "currency": currency, "product": product, "periods": periods, "language": language}),
            ),
            models.PriceLabel,
        )


class Quotes:
    """/v1/quotes"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        product: str,
        amount: int,
        currency: str,
        periods: int,
        consumer: str | None = None,
        language: Literal["zh", "en"] | None = None,
        idempotency_key: str | None = None,
    ) -> models.Quote:
        """Show what a purchase would cost.

        A purchase that a consumer would like to pay in instalments.

        product: Printable characters.
        amount: Minor units: 19900 is 199.00 CNY.
        """
        return self._transport.one(
            Request(
                "POST",
                "/v1/quotes",
                body=given(
                    {
                        "product": product,
                        "amount": amount,
                        "currency": currency,
                        "periods": periods,
                        "consumer": consumer,
                        "language": language,
                    }
                ),
                key=idempotency_key,
            ),
            models.Quote,
        )


class CheckoutSessions:
    """/v1/checkout_sessions"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        merchant_reference: str,
        currency: str,
        amount: int | None = None,
        lines: Sequence[models.NewLine] | None = None,
        channel: Literal["online", "store", "mini", "live", "agent"] | None = None,
        allowed_products: Sequence[str] | None = None,
        allowed_periods: Sequence[int] | None = None,
        success_url: str | None = None,
        cancel_url: str | None = None,
        consumer: str | None = None,
        language: Literal["zh", "en"] | None = None,
        host: str | None = None,
        category: str | None = None,
        store: str | None = None,
        terminal: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expires_in: int | None = None,
        idempotency_key: str | None = None,
    ) -> models.CheckoutSessionOpened:
        """Open a checkout session.

        A purchase of so much, or of what is in the lines. `allowed_products` and `allowed_periods` are what the consumer
        may choose from; without them it is all that there is for the amount. `consumer` says for whom it is, where you
        know; `expires_in` is in seconds. Without addresses the consumer stays on the page, as at a till.

        merchant_reference: Printable characters.
        amount: Minor units: 19900 is 199.00 CNY.
        host: Printable characters.
        category: Printable characters.
        metadata: What you note on it for yourself: names and texts that mean nothing to us.
        """
        return self._transport.one(
            Request(
                "POST",
                "/v1/checkout_sessions",
                body=given(
                    {
                        "merchant_reference": merchant_reference,
                        "amount": amount,
                        "currency": currency,
                        "lines": lines,
                        "channel": channel,
                        "allowed_products": allowed_products,
                        "allowed_periods": allowed_periods,
                        "success_url": success_url,
                        "cancel_url": cancel_url,
                        "consumer": consumer,
                        "language": language,
                        "host": host,
                        "category": category,
                        "store": store,
                        "terminal": terminal,
                        "metadata": metadata,
                        "expires_in": expires_in,
                    }
                ),
                key=idempotency_key,
            ),
            models.CheckoutSessionOpened,
        )

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        merchant_reference: str | None = None,
        state: Literal["open", "completed", "expired", "cancelled"] | None = None,
        channel: Literal["online", "store", "mini", "live", "agent"] | None = None,
        consumer: str | None = None,
        store: str | None = None,
        terminal: str | None = None,
        order: str | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.CheckoutSession]:
        """List checkout sessions, newest first.

        limit: How many at most.
        starting_after: The id of a checkout: only older ones.
        ending_before: The id of a checkout: only newer ones, those next to it.
        merchant_reference: Only those of this reference of yours.
        state: Only those in this state.
        channel: Only those sold this way.
        consumer: Only those that are for this consumer.
        store: Only those of this store.
        terminal: Only those of this till.
        order: Only the one that became this order.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/checkout_sessions",
                query=given(
                    {
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "merchant_reference": merchant_reference,
                        "state": state,
                        "channel": channel,
                        "consumer": consumer,
                        "store": store,
                        "terminal": terminal,
                        "order": order,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.CheckoutSession,
        )

    def retrieve(self, checkout_id: str, *, expand: Literal["order"] | Sequence[Literal["order"]] | None = None) -> models.CheckoutSession:
        """Show a checkout session.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/checkout_sessions/{segment(checkout_id)}", query=given({"expand[]": listed(expand)})),
            models.CheckoutSession,
        )

    def update(self, checkout_id: str, *, metadata: Mapping[str, str], idempotency_key: str | None = None) -> models.Metadata:
        """Change the metadata of a checkout session.

        Changes of the metadata of an object: names that are given an empty text are dropped, those that are not named stay.

        metadata: What you note on it for yourself: names and texts that mean nothing to us.
        """
        return self._transport.one(
            Request("POST", f"/v1/checkout_sessions/{segment(checkout_id)}", body=given({"metadata": metadata}), key=idempotency_key),
            models.Metadata,
        )

    def expire(self, checkout_id: str, *, idempotency_key: str | None = None) -> models.CheckoutSessionEnded:
        """Let a checkout session expire now: {}."""
        return self._transport.one(
            Request("POST", f"/v1/checkout_sessions/{segment(checkout_id)}/expire", body={}, key=idempotency_key),
            models.CheckoutSessionEnded,
        )


class Merchants:
    """/v1/merchants"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        code: str | None = None,
        state: Literal["active", "suspended", "closed"] | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Merchant]:
        """List merchants, newest first.

        limit: How many at most.
        starting_after: The id of a merchant: only older ones.
        ending_before: The id of a merchant: only newer ones, those next to it.
        code: Only the one of this code.
        state: Only those in this state.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/merchants",
                query=given(
                    {
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "code": code,
                        "state": state,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Merchant,
        )

    def retrieve(self, merchant_id: str) -> models.Merchant:
        """Show a merchant."""
        return self._transport.one(Request("GET", f"/v1/merchants/{segment(merchant_id)}"), models.Merchant)


class Stores:
    """/v1/stores"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, *, code: str, name_zh: str, name_en: str, address: str, idempotency_key: str | None = None) -> models.Store:
        """Open a store.

        A store by a code of your own. What it is called stays: a store that moves is another one.

        name_zh: Printable characters.
        name_en: Printable characters.
        address: Printable characters.
        """
        return self._transport.one(
            Request(
                "POST",
                "/v1/stores",
                body=given({"code": code, "name_zh": name_zh, "name_en": name_en, "address": address}),
                key=idempotency_key,
            ),
            models.Store,
        )

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        code: str | None = None,
        state: Literal["active", "closed"] | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Store]:
        """List stores, newest first.

        limit: How many at most.
        starting_after: The id of a store: only older ones.
        ending_before: The id of a store: only newer ones, those next to it.
        code: Only those of this code of yours.
        state: Only those in this state.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/stores",
                query=given(
                    {
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "code": code,
                        "state": state,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Store,
        )

    def retrieve(self, store_id: str) -> models.Store:
        """Show a store."""
        return self._transport.one(Request("GET", f"/v1/stores/{segment(store_id)}"), models.Store)

    def close(self, store_id: str, *, idempotency_key: str | None = None) -> models.StoreClosed:
        """Close a store for good: {}."""
        return self._transport.one(
            Request("POST", f"/v1/stores/{segment(store_id)}/close", body={}, key=idempotency_key), models.StoreClosed
        )


class Terminals:
    """/v1/terminals"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, *, store: str, code: str, idempotency_key: str | None = None) -> models.Terminal:
        """Put a till into a store.

        A till of a store by a code of your own, which is another in another store.
        """
        return self._transport.one(
            Request("POST", "/v1/terminals", body=given({"store": store, "code": code}), key=idempotency_key), models.Terminal
        )

    def list(
        self,
        *,
        expand: Literal["data.store"] | Sequence[Literal["data.store"]] | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        store: str | None = None,
        code: str | None = None,
        state: Literal["active", "closed"] | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Terminal]:
        """List tills, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a terminal: only older ones.
        ending_before: The id of a terminal: only newer ones, those next to it.
        store: Only those of this store.
        code: Only those of this code of yours.
        state: Only those in this state.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/terminals",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "store": store,
                        "code": code,
                        "state": state,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Terminal,
        )

    def retrieve(self, terminal_id: str, *, expand: Literal["store"] | Sequence[Literal["store"]] | None = None) -> models.Terminal:
        """Show a till.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/terminals/{segment(terminal_id)}", query=given({"expand[]": listed(expand)})), models.Terminal
        )

    def close(self, terminal_id: str, *, idempotency_key: str | None = None) -> models.TerminalClosed:
        """Close a till for good: {}."""
        return self._transport.one(
            Request("POST", f"/v1/terminals/{segment(terminal_id)}/close", body={}, key=idempotency_key), models.TerminalClosed
        )


class QrCodes:
    """/v1/qr_codes"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        checkout_session: str | None = None,
        terminal: str | None = None,
        store: str | None = None,
        amount_by: Literal["consumer", "cashier"] | None = None,
        idempotency_key: str | None = None,
    ) -> models.QrCode:
        """Make a QR code.

        A code of one checkout session, or of a till, or of a store. At a store or till the consumer keys the amount in, or
        it is that of the session that the cashier opened there last.

        amount_by: Of a store or a till.
        """
        return self._transport.one(
            Request(
                "POST",
                "/v1/qr_codes",
                body=given({"checkout_session": checkout_session, "terminal": terminal, "store": store, "amount_by": amount_by}),
                key=idempotency_key,
            ),
            models.QrCode,
        )

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        kind: Literal["static", "dynamic"] | None = None,
        store: str | None = None,
        terminal: str | None = None,
        checkout_session: str | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.QrCode]:
        """List QR codes, newest first.

        limit: How many at most.
        starting_after: The id of a qr code: only older ones.
        ending_before: The id of a qr code: only newer ones, those next to it.
        kind: Only those of this kind.
        store: Only those of this store, its tills included.
        terminal: Only those of this till.
        checkout_session: Only those of this session.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/qr_codes",
                query=given(
                    {
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "kind": kind,
                        "store": store,
                        "terminal": terminal,
                        "checkout_session": checkout_session,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.QrCode,
        )

    def retrieve(self, qr_code_id: str) -> models.QrCode:
        """Show a QR code."""
        return self._transport.one(Request("GET", f"/v1/qr_codes/{segment(qr_code_id)}"), models.QrCode)


class Orders:
    """/v1/orders"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        quote: str,
        consumer: str,
        merchant_reference: str,
        channel: Literal["online", "store", "mini", "live", "agent"] | None = None,
        host: str | None = None,
        category: str | None = None,
        lines: Sequence[models.NewLine] | None = None,
        store: str | None = None,
        terminal: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> models.OrderPlaced:
        """Place an order: decide, hold its amount. Raises Declined where the answer is no.

        The consumer's consent to a quote that was shown to them today.

        merchant_reference: Printable characters.
        host: Printable characters.
        category: Printable characters.
        metadata: What you note on it for yourself: names and texts that mean nothing to us.
        """
        return self._transport.one(
            Request(
                "POST",
                "/v1/orders",
                body=given(
                    {
                        "quote": quote,
                        "consumer": consumer,
                        "merchant_reference": merchant_reference,
                        "channel": channel,
                        "host": host,
                        "category": category,
                        "lines": lines,
                        "store": store,
                        "terminal": terminal,
                        "metadata": metadata,
                    }
                ),
                key=idempotency_key,
            ),
            models.OrderPlaced,
        )

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        merchant_reference: str | None = None,
        state: Literal["declined", "authorised", "part_captured", "captured", "part_refunded", "refunded", "voided", "expired"]
        | None = None,
        channel: Literal["online", "store", "mini", "live", "agent"] | None = None,
        consumer: str | None = None,
        store: str | None = None,
        terminal: str | None = None,
        product: str | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Order]:
        """List orders, newest first.

        limit: How many at most.
        starting_after: The id of an order: only older ones.
        ending_before: The id of an order: only newer ones, those next to it.
        merchant_reference: Only those of this reference of yours: the one that was not declined, and those that were.
        state: Only those in this state.
        channel: Only those sold this way.
        consumer: Only those of this consumer.
        store: Only those sold in this store.
        terminal: Only those sold at this till.
        product: Only those on a plan of this product.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/orders",
                query=given(
                    {
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "merchant_reference": merchant_reference,
                        "state": state,
                        "channel": channel,
                        "consumer": consumer,
                        "store": store,
                        "terminal": terminal,
                        "product": product,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Order,
        )

    def retrieve(self, order_id: str) -> models.Order:
        """Show an order."""
        return self._transport.one(Request("GET", f"/v1/orders/{segment(order_id)}"), models.Order)

    def update(self, order_id: str, *, metadata: Mapping[str, str], idempotency_key: str | None = None) -> models.Metadata:
        """Change what is noted on an order.

        Changes of the metadata of an object: names that are given an empty text are dropped, those that are not named stay.

        metadata: What you note on it for yourself: names and texts that mean nothing to us.
        """
        return self._transport.one(
            Request("POST", f"/v1/orders/{segment(order_id)}", body=given({"metadata": metadata}), key=idempotency_key), models.Metadata
        )

    def capture(
        self,
        order_id: str,
        *,
        amount: int | None = None,
        currency: str | None = None,
        lines: Sequence[models.NewPieces] | None = None,
        shipping: Sequence[models.NewShipment] | None = None,
        idempotency_key: str | None = None,
    ) -> models.CaptureMade:
        """Capture an order, wholly with {}.

        What is delivered: an amount, pieces of the lines of the order, or all that is left with {}.

        amount: Minor units: 19900 is 199.00 CNY.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/orders/{segment(order_id)}/capture",
                body=given({"amount": amount, "currency": currency, "lines": lines, "shipping": shipping}),
                key=idempotency_key,
            ),
            models.CaptureMade,
        )

    def void(self, order_id: str, *, idempotency_key: str | None = None) -> models.VoidMade:
        """Give back what is not captured: {}."""
        return self._transport.one(Request("POST", f"/v1/orders/{segment(order_id)}/void", body={}, key=idempotency_key), models.VoidMade)

    def release(self, order_id: str, *, idempotency_key: str | None = None) -> models.ReleaseMade:
        """Give back the rest of an order captured in part: {}."""
        return self._transport.one(
            Request("POST", f"/v1/orders/{segment(order_id)}/release", body={}, key=idempotency_key), models.ReleaseMade
        )

    def extend(self, order_id: str, *, idempotency_key: str | None = None) -> models.ExtensionMade:
        """Let the authorisation hold longer: {}."""
        return self._transport.one(
            Request("POST", f"/v1/orders/{segment(order_id)}/extend", body={}, key=idempotency_key), models.ExtensionMade
        )

    def refund(
        self,
        order_id: str,
        *,
        amount: int | None = None,
        currency: str | None = None,
        lines: Sequence[models.NewPieces] | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> models.RefundMade:
        """Refund what was captured, all of it with {}.

        What goes back of what was captured: an amount, pieces of the lines of the order, or all of it with {}.

        amount: Minor units: 19900 is 199.00 CNY.
        metadata: What you note on it for yourself: names and texts that mean nothing to us.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/orders/{segment(order_id)}/refund",
                body=given({"amount": amount, "currency": currency, "lines": lines, "metadata": metadata}),
                key=idempotency_key,
            ),
            models.RefundMade,
        )


class Captures:
    """/v1/captures"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        expand: Literal["data.order", "data.loan"] | Sequence[Literal["data.order", "data.loan"]] | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        order: str | None = None,
        merchant_reference: str | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Capture]:
        """List captures, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a capture: only older ones.
        ending_before: The id of a capture: only newer ones, those next to it.
        order: Only those of this order.
        merchant_reference: Only those of orders with this reference of yours.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/captures",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "order": order,
                        "merchant_reference": merchant_reference,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Capture,
        )

    def retrieve(
        self, capture_id: str, *, expand: Literal["order", "loan"] | Sequence[Literal["order", "loan"]] | None = None
    ) -> models.Capture:
        """Show a capture.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/captures/{segment(capture_id)}", query=given({"expand[]": listed(expand)})), models.Capture
        )


class Refunds:
    """/v1/refunds"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        expand: Literal["data.order"] | Sequence[Literal["data.order"]] | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        order: str | None = None,
        merchant_reference: str | None = None,
        state: Literal["pending", "succeeded", "failed"] | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Refund]:
        """List refunds, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a refund: only older ones.
        ending_before: The id of a refund: only newer ones, those next to it.
        order: Only those of this order.
        merchant_reference: Only those of orders with this reference of yours.
        state: Only those of which the money stands so.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/refunds",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "order": order,
                        "merchant_reference": merchant_reference,
                        "state": state,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Refund,
        )

    def retrieve(self, refund_id: str, *, expand: Literal["order"] | Sequence[Literal["order"]] | None = None) -> models.Refund:
        """Show a refund.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/refunds/{segment(refund_id)}", query=given({"expand[]": listed(expand)})), models.Refund
        )


class Loans:
    """/v1/loans"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        expand: Literal["data.order", "data.capture"] | Sequence[Literal["data.order", "data.capture"]] | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        order: str | None = None,
        capture: str | None = None,
        state: Literal["active", "closed"] | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Loan]:
        """List loans, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a loan: only older ones.
        ending_before: The id of a loan: only newer ones, those next to it.
        order: Only those of this order.
        capture: Only the one of this capture.
        state: Only those in this state.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/loans",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "order": order,
                        "capture": capture,
                        "state": state,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Loan,
        )

    def retrieve(
        self, loan_id: str, *, expand: Literal["order", "capture"] | Sequence[Literal["order", "capture"]] | None = None
    ) -> models.Loan:
        """Show a loan.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(Request("GET", f"/v1/loans/{segment(loan_id)}", query=given({"expand[]": listed(expand)})), models.Loan)

    def repay(
        self, loan_id: str, *, instrument: str, amount: int | None = None, currency: str | None = None, idempotency_key: str | None = None
    ) -> models.RepaymentMade:
        """Collect a repayment. Raises Declined where the answer is no.

        What a consumer pays of a loan through the merchant, or all that is due today where no amount is given; what is more
        than that goes back. `instrument` names their card or wallet at the payment channel.

        amount: Minor units: 19900 is 199.00 CNY.
        instrument: Printable characters.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/loans/{segment(loan_id)}/repayments",
                body=given({"amount": amount, "currency": currency, "instrument": instrument}),
                key=idempotency_key,
            ),
            models.RepaymentMade,
        )


class Events:
    """/v1/events"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        type: Literal[
            "aftersale.agreed",
            "aftersale.asked",
            "aftersale.cancelled",
            "aftersale.declined",
            "aftersale.done",
            "aftersale.goods_in_hand",
            "checkout.session.completed",
            "checkout.session.expired",
            "credit.decision.approved",
            "credit.decision.declined",
            "dispute.appealed",
            "dispute.lost",
            "dispute.opened",
            "dispute.ruled",
            "dispute.submitted",
            "dispute.won",
            "instalment.due",
            "instalment.overdue",
            "loan.activated",
            "loan.cured",
            "loan.paid_off",
            "loan.refunded",
            "loan.repaid",
            "loan.written_off",
            "payment.authorized",
            "payment.captured",
            "payment.expired",
            "payment.extended",
            "payment.failed",
            "payment.partially_captured",
            "payment.voided",
            "payout.created",
            "payout.failed",
            "payout.in_transit",
            "payout.paid",
            "refund.created",
            "refund.failed",
            "refund.succeeded",
            "settlement.held",
            "settlement.paid",
            "settlement.returned",
            "settlement.scheduled",
            "webhook.test",
        ]
        | None = None,
        object_id: str | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.Event]:
        """List events, newest first.

        limit: How many at most.
        starting_after: The id of an event: only older ones.
        ending_before: The id of an event: only newer ones, those next to it.
        type: Only those of this type.
        object_id: Only those of this object: of an order, a loan, a payout and so on.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/events",
                query=given(
                    {
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "type": type,
                        "object_id": object_id,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.Event,
        )

    def retrieve(self, event_id: str) -> models.Event:
        """Show an event."""
        return self._transport.one(Request("GET", f"/v1/events/{segment(event_id)}"), models.Event)

    def resend(self, event_id: str, *, webhook_endpoint: str, idempotency_key: str | None = None) -> models.ResendMade:
        """Send an event to an endpoint again.

        To which endpoint the event goes again, whatever its filter says.
        """
        return self._transport.one(
            Request(
                "POST", f"/v1/events/{segment(event_id)}/resend", body=given({"webhook_endpoint": webhook_endpoint}), key=idempotency_key
            ),
            models.ResendMade,
        )


class WebhookEndpoints:
    """/v1/webhook_endpoints"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        url: str,
        enabled_events: Sequence[str],
        description: str | None = None,
        api_version: Literal["2026-09-01", "2026-11-28"] | None = None,
        payload: Literal["full", "thin"] | None = None,
        metadata: Mapping[str, str] | None = None,
        alert_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.EndpointMade:
        """Make a webhook endpoint; its secret is shown this once.

        Where events go. `enabled_events` are types and patterns: `payment.captured`, `payment.*`, `*`. Without a version it
        is that of the key.

        url: Printable characters.
        description: Printable characters.
        metadata: What you note on it for yourself: names and texts that mean nothing to us.
        alert_email: Whom we write to when nothing reaches the endpoint for a day.
        """
        return self._transport.one(
            Request(
                "POST",
                "/v1/webhook_endpoints",
                body=given(
                    {
                        "url": url,
                        "enabled_events": enabled_events,
                        "description": description,
                        "api_version": api_version,
                        "payload": payload,
                        "metadata": metadata,
                        "alert_email": alert_email,
                    }
                ),
                key=idempotency_key,
            ),
            models.EndpointMade,
        )

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        state: Literal["enabled", "disabled"] | None = None,
    ) -> Page[models.Endpoint]:
        """List webhook endpoints, newest first.

        limit: How many at most.
        starting_after: The id of a webhook endpoint: only older ones.
        ending_before: The id of a webhook endpoint: only newer ones, those next to it.
        state: Only those that are so.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/webhook_endpoints",
                query=given({"limit": limit, "starting_after": starting_after, "ending_before": ending_before, "state": state}),
            ),
            models.Endpoint,
        )

    def retrieve(self, webhook_endpoint_id: str) -> models.Endpoint:
        """Show a webhook endpoint."""
        return self._transport.one(Request("GET", f"/v1/webhook_endpoints/{segment(webhook_endpoint_id)}"), models.Endpoint)

    def update(
        self,
        webhook_endpoint_id: str,
        *,
        url: str | None = None,
        enabled_events: Sequence[str] | None = None,
        description: str | None = None,
        api_version: Literal["2026-09-01", "2026-11-28"] | None = None,
        payload: Literal["full", "thin"] | None = None,
        metadata: Mapping[str, str] | None = None,
        alert_email: str | None = None,
        disabled: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.EndpointChanged:
        """Change a webhook endpoint, disable or enable it.

        What is to be different; what is left out stays as it is. An `alert_email` of "" takes the address away; of metadata
        the names that are given an empty text are dropped.

        url: Printable characters.
        description: Printable characters.
        metadata: What you note on it for yourself: names and texts that mean nothing to us.
        alert_email: Whom we write to when nothing reaches the endpoint for a day.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/webhook_endpoints/{segment(webhook_endpoint_id)}",
                body=given(
                    {
                        "url": url,
                        "enabled_events": enabled_events,
                        "description": description,
                        "api_version": api_version,
                        "payload": payload,
                        "metadata": metadata,
                        "alert_email": alert_email,
                        "disabled": disabled,
                    }
                ),
                key=idempotency_key,
            ),
            models.EndpointChanged,
        )

    def delete(self, webhook_endpoint_id: str) -> models.EndpointDeleted:
        """Delete a webhook endpoint."""
        return self._transport.one(Request("DELETE", f"/v1/webhook_endpoints/{segment(webhook_endpoint_id)}"), models.EndpointDeleted)

    def roll(self, webhook_endpoint_id: str, *, overlap_hours: int | None = None, idempotency_key: str | None = None) -> models.SecretMade:
        """Make a new secret; the old one goes on for a while.

        For how many hours the old secret goes on signing beside the new one.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/webhook_endpoints/{segment(webhook_endpoint_id)}/roll",
                body=given({"overlap_hours": overlap_hours}),
                key=idempotency_key,
            ),
            models.SecretMade,
        )

    def test(self, webhook_endpoint_id: str, *, idempotency_key: str | None = None) -> models.TestMade:
        """Send a test event: {}."""
        return self._transport.one(
            Request("POST", f"/v1/webhook_endpoints/{segment(webhook_endpoint_id)}/test", body={}, key=idempotency_key), models.TestMade
        )

    def replay(
        self,
        webhook_endpoint_id: str,
        *,
        created_from: datetime | date | str,
        created_before: datetime | date | str,
        types: Sequence[str] | None = None,
        only_failed: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.ReplayMade:
        """Send the events of a range again.

        Events made from a moment on and before another one; of `types`, or of what the endpoint asks for.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/webhook_endpoints/{segment(webhook_endpoint_id)}/replay",
                body=given({"created_from": created_from, "created_before": created_before, "types": types, "only_failed": only_failed}),
                key=idempotency_key,
            ),
            models.ReplayMade,
        )

    def list_deliveries(
        self,
        webhook_endpoint_id: str,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        state: Literal["waiting", "delivered", "failed", "cancelled"] | None = None,
        event_id: str | None = None,
    ) -> Page[models.Delivery]:
        """List deliveries with their tries.

        limit: How many at most.
        starting_after: The id of a delivery: only older ones.
        ending_before: The id of a delivery: only newer ones, those next to it.
        state: Only those in this state.
        event_id: Only those of this event.
        """
        return self._transport.page(
            Request(
                "GET",
                f"/v1/webhook_endpoints/{segment(webhook_endpoint_id)}/deliveries",
                query=given(
                    {"limit": limit, "starting_after": starting_after, "ending_before": ending_before, "state": state, "event_id": event_id}
                ),
            ),
            models.Delivery,
        )


class Balance:
    """/v1/balance"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def retrieve(self) -> models.Balance:
        """Show where your money stands."""
        return self._transport.one(Request("GET", "/v1/balance"), models.Balance)


class BalanceTransactions:
    """/v1/balance_transactions"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        expand: Literal["data.order", "data.capture", "data.loan", "data.source", "data.settlement", "data.payout"]
        | Sequence[Literal["data.order", "data.capture", "data.loan", "data.source", "data.settlement", "data.payout"]]
        | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        payout: str | None = None,
        settlement: str | None = None,
        type: Literal[
            "capture",
            "carried",
            "charge_back",
            "collected",
            "frozen",
            "part",
            "parted",
            "penalty",
            "refund",
            "rejection",
            "released",
            "reserved",
            "reversal",
            "subsidy",
            "thawed",
        ]
        | None = None,
        source: str | str | str | None = None,
        order: str | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
        available_from: datetime | date | str | None = None,
        available_until: datetime | date | str | None = None,
    ) -> Page[models.Transaction]:
        """List balance transactions, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a balance transaction: only older ones.
        ending_before: The id of a balance transaction: only newer ones, those next to it.
        payout: Only those that went out with this payout.
        settlement: Only those of this settlement.
        type: Only those of this type.
        source: Only those that come from this capture, refund or settlement.
        order: Only those of this order.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        available_from: Only those available on this day or later.
        available_until: Only those available on this day or before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/balance_transactions",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "payout": payout,
                        "settlement": settlement,
                        "type": type,
                        "source": source,
                        "order": order,
                        "created_from": created_from,
                        "created_before": created_before,
                        "available_from": available_from,
                        "available_until": available_until,
                    }
                ),
            ),
            models.Transaction,
        )

    def retrieve(
        self,
        balance_transaction_id: str,
        *,
        expand: Literal["order", "capture", "loan", "source", "settlement", "payout"]
        | Sequence[Literal["order", "capture", "loan", "source", "settlement", "payout"]]
        | None = None,
    ) -> models.Transaction:
        """Show a balance transaction.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/balance_transactions/{segment(balance_transaction_id)}", query=given({"expand[]": listed(expand)})),
            models.Transaction,
        )


class Payouts:
    """/v1/payouts"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        expand: Literal["data.settlement"] | Sequence[Literal["data.settlement"]] | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        state: Literal["scheduled", "sent", "paid", "returned"] | None = None,
        settlement: str | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
        paid_from: datetime | date | str | None = None,
        paid_until: datetime | date | str | None = None,
    ) -> Page[models.Payout]:
        """List payouts, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a payout: only older ones.
        ending_before: The id of a payout: only newer ones, those next to it.
        state: Only those in this state.
        settlement: Only those of this settlement.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        paid_from: Only those that left on this day or later.
        paid_until: Only those that left on this day or before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/payouts",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "state": state,
                        "settlement": settlement,
                        "created_from": created_from,
                        "created_before": created_before,
                        "paid_from": paid_from,
                        "paid_until": paid_until,
                    }
                ),
            ),
            models.Payout,
        )

    def retrieve(self, payout_id: str, *, expand: Literal["settlement"] | Sequence[Literal["settlement"]] | None = None) -> models.Payout:
        """Show a payout.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/payouts/{segment(payout_id)}", query=given({"expand[]": listed(expand)})), models.Payout
        )


class Settlements:
    """/v1/settlements"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        expand: Literal["data.payout"] | Sequence[Literal["data.payout"]] | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        state: Literal["accrued", "held", "scheduled", "paid", "returned", "reconciled"] | None = None,
        pay_from: datetime | date | str | None = None,
        pay_until: datetime | date | str | None = None,
    ) -> Page[models.Settlement]:
        """List settlements, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a batch: only older ones.
        ending_before: The id of a batch: only newer ones, those next to it.
        state: Only those in this state.
        pay_from: Only those of this pay day or later.
        pay_until: Only those of this pay day or before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/settlements",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "state": state,
                        "pay_from": pay_from,
                        "pay_until": pay_until,
                    }
                ),
            ),
            models.Settlement,
        )

    def retrieve(self, batch_id: str, *, expand: Literal["payout"] | Sequence[Literal["payout"]] | None = None) -> models.Settlement:
        """Show a settlement.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/settlements/{segment(batch_id)}", query=given({"expand[]": listed(expand)})), models.Settlement
        )

    def download(
        self, batch_id: str, form: Literal["csv", "xlsx", "pdf", "details"], *, language: Literal["zh", "en"] | None = None
    ) -> Download:
        """Download the statement of a settlement.

        language: The language of the file.
        """
        return self._transport.file(
            Request("GET", f"/v1/settlements/{segment(batch_id)}/files/{segment(form)}", query=given({"language": language}))
        )


class Statements:
    """/v1/statements"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Page[models.MonthOf]:
        """List the months that there are statements of."""
        return self._transport.page(Request("GET", "/v1/statements"), models.MonthOf)

    def retrieve(
        self, statement_id: str, *, expand: Literal["settlements", "invoice"] | Sequence[Literal["settlements", "invoice"]] | None = None
    ) -> models.Statement:
        """Show the statement of a month.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/statements/{segment(statement_id)}", query=given({"expand[]": listed(expand)})), models.Statement
        )

    def download(
        self, statement_id: str, form: Literal["csv", "xlsx", "pdf", "details"], *, language: Literal["zh", "en"] | None = None
    ) -> Download:
        """Download the statement of a month.

        language: The language of the file.
        """
        return self._transport.file(
            Request("GET", f"/v1/statements/{segment(statement_id)}/files/{segment(form)}", query=given({"language": language}))
        )


class Invoices:
    """/v1/invoices"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        state: Literal["requested", "issued", "voided"] | None = None,
        month: str | None = None,
    ) -> Page[models.Invoice]:
        """List invoices for fees, newest first.

        limit: How many at most.
        starting_after: The id of an invoice: only older ones.
        ending_before: The id of an invoice: only newer ones, those next to it.
        state: Only those in this state.
        month: Only those for the fees of this month.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/invoices",
                query=given(
                    {"limit": limit, "starting_after": starting_after, "ending_before": ending_before, "state": state, "month": month}
                ),
            ),
            models.Invoice,
        )

    def retrieve(self, invoice_id: str) -> models.Invoice:
        """Show an invoice for fees."""
        return self._transport.one(Request("GET", f"/v1/invoices/{segment(invoice_id)}"), models.Invoice)


class Disputes:
    """/v1/disputes"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        expand: Literal["data.order", "data.refund", "data.evidence.file"]
        | Sequence[Literal["data.order", "data.refund", "data.evidence.file"]]
        | None = None,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        order: str | None = None,
        state: Literal["initiated", "representment", "pre_arbitration", "arbitration", "closed"] | None = None,
        outcome: Literal["won", "lost"] | None = None,
        reason: Literal[
            "return", "goods_not_received", "faulty_goods", "incorrect_invoice", "already_paid", "unauthorised", "high_risk_order"
        ]
        | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
        due_until: datetime | date | str | None = None,
    ) -> Page[models.Dispute]:
        """List disputes, newest first.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        limit: How many at most.
        starting_after: The id of a dispute: only older ones.
        ending_before: The id of a dispute: only newer ones, those next to it.
        order: Only those of this order.
        state: Only those in this state.
        outcome: Only those that ended so, for you.
        reason: Only those with this reason.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        due_until: Only those that wait for you, until this day or an earlier one.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/disputes",
                query=given(
                    {
                        "expand[]": listed(expand),
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "order": order,
                        "state": state,
                        "outcome": outcome,
                        "reason": reason,
                        "created_from": created_from,
                        "created_before": created_before,
                        "due_until": due_until,
                    }
                ),
            ),
            models.Dispute,
        )

    def retrieve(
        self,
        dispute_id: str,
        *,
        expand: Literal["order", "refund", "evidence.file"] | Sequence[Literal["order", "refund", "evidence.file"]] | None = None,
    ) -> models.Dispute:
        """Show a dispute.

        expand: Show what is named by its id in its place; paths with dots, four names deep at most.
        """
        return self._transport.one(
            Request("GET", f"/v1/disputes/{segment(dispute_id)}", query=given({"expand[]": listed(expand)})), models.Dispute
        )

    def evidence(
        self,
        dispute_id: str,
        *,
        kind: Literal["delivery", "activation", "communication", "refund", "invoice", "identity", "terms", "other"],
        text: str | None = None,
        file: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.EvidenceAdded:
        """Add evidence.

        What proves something: a text, a file that was sent before, or both.

        text: Printable characters, in lines.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/disputes/{segment(dispute_id)}/evidence",
                body=given({"kind": kind, "text": text, "file": file}),
                key=idempotency_key,
            ),
            models.EvidenceAdded,
        )

    def submit(self, dispute_id: str, *, note: str | None = None, idempotency_key: str | None = None) -> models.StepTaken:
        """Answer a dispute with the evidence that is there.

        What you say of a step, for whoever rules on it; {} says nothing.

        note: Printable characters.
        """
        return self._transport.one(
            Request("POST", f"/v1/disputes/{segment(dispute_id)}/submit", body=given({"note": note}), key=idempotency_key), models.StepTaken
        )

    def accept(self, dispute_id: str, *, note: str | None = None, idempotency_key: str | None = None) -> models.StepTaken:
        """Accept a dispute: the consumer is given back.

        What you say of a step, for whoever rules on it; {} says nothing.

        note: Printable characters.
        """
        return self._transport.one(
            Request("POST", f"/v1/disputes/{segment(dispute_id)}/accept", body=given({"note": note}), key=idempotency_key), models.StepTaken
        )

    def appeal(self, dispute_id: str, *, note: str | None = None, idempotency_key: str | None = None) -> models.StepTaken:
        """Appeal against what was ruled, once.

        What you say of a step, for whoever rules on it; {} says nothing.

        note: Printable characters.
        """
        return self._transport.one(
            Request("POST", f"/v1/disputes/{segment(dispute_id)}/appeal", body=given({"note": note}), key=idempotency_key), models.StepTaken
        )


class Files:
    """/v1/files"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, *, purpose: str, name: str, content: bytes | str, idempotency_key: str | None = None) -> models.File:
        """Send a file as evidence.

        A PDF, PNG, JPEG, or a text in UTF-8, told by its bytes, of at most 5 MB; they come in base64.

        name: Printable characters.
        """
        return self._transport.one(
            Request("POST", "/v1/files", body=given({"purpose": purpose, "name": name, "content": content}), key=idempotency_key),
            models.File,
        )

    def retrieve(self, file_id: str) -> models.File:
        """Show a file."""
        return self._transport.one(Request("GET", f"/v1/files/{segment(file_id)}"), models.File)

    def download(self, file_id: str) -> Download:
        """Download a file."""
        return self._transport.file(Request("GET", f"/v1/files/{segment(file_id)}/contents"))


class ApiKeys:
    """/v1/api_keys"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        scopes: Sequence[
            Literal[
                "api_key.manage",
                "checkout.create",
                "dispute.answer",
                "dispute.read",
                "event.read",
                "file.write",
                "offer.read",
                "order.authorise",
                "order.capture",
                "order.read",
                "order.refund",
                "order.void",
                "repayment.collect",
                "sandbox.use",
                "settlement.read",
                "store.manage",
                "store.read",
                "trace",
                "webhook.change",
            ]
        ],
        expires_in_days: int | None = None,
        networks: Sequence[str] | None = None,
        api_version: Literal["2026-09-01", "2026-11-28"] | None = None,
        idempotency_key: str | None = None,
    ) -> models.KeyMade:
        """Make a restricted key.

        A restricted key: some of the scopes that the key which asks has itself.

        networks: Networks, or single addresses, that the key may be used from; [] is everywhere.
        """
        return self._transport.one(
            Request(
                "POST",
                "/v1/api_keys",
                body=given({"scopes": scopes, "expires_in_days": expires_in_days, "networks": networks, "api_version": api_version}),
                key=idempotency_key,
            ),
            models.KeyMade,
        )

    def list(self, *, limit: int | None = None, starting_after: str | None = None, ending_before: str | None = None) -> Page[models.Key]:
        """List keys, newest first.

        limit: How many at most.
        starting_after: The id of an api key: only older ones.
        ending_before: The id of an api key: only newer ones, those next to it.
        """
        return self._transport.page(
            Request("GET", "/v1/api_keys", query=given({"limit": limit, "starting_after": starting_after, "ending_before": ending_before})),
            models.Key,
        )

    def retrieve(self, api_key_id: str) -> models.Key:
        """Show a key."""
        return self._transport.one(Request("GET", f"/v1/api_keys/{segment(api_key_id)}"), models.Key)

    def update(
        self,
        api_key_id: str,
        *,
        api_version: Literal["2026-09-01", "2026-11-28"] | None = None,
        networks: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> models.KeyTouched:
        """Change the version or the networks of a key.

        What is changed of a key; what is left out stays.

        networks: Networks, or single addresses, that the key may be used from; [] is everywhere.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/api_keys/{segment(api_key_id)}",
                body=given({"api_version": api_version, "networks": networks}),
                key=idempotency_key,
            ),
            models.KeyTouched,
        )

    def roll(self, api_key_id: str, *, overlap_hours: int | None = None, idempotency_key: str | None = None) -> models.KeyMade:
        """Replace a key, with an overlap.

        A new secret for what the key is for. The old one goes on working for the overlap.
        """
        return self._transport.one(
            Request("POST", f"/v1/api_keys/{segment(api_key_id)}/roll", body=given({"overlap_hours": overlap_hours}), key=idempotency_key),
            models.KeyMade,
        )

    def revoke(self, api_key_id: str, *, idempotency_key: str | None = None) -> models.KeyTouched:
        """Revoke a key at once."""
        return self._transport.one(
            Request("POST", f"/v1/api_keys/{segment(api_key_id)}/revoke", body={}, key=idempotency_key), models.KeyTouched
        )


class TestHelpersTestClocks:
    """/v1/test_helpers/test_clocks"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, *, frozen_time: datetime | date | str, name: str | None = None, idempotency_key: str | None = None
    ) -> models.TestClockMade:
        """Make a test book with a clock of its own.

        A test book with a clock of its own, that stands at this moment.

        name: Printable characters.
        """
        return self._transport.one(
            Request("POST", "/v1/test_helpers/test_clocks", body=given({"frozen_time": frozen_time, "name": name}), key=idempotency_key),
            models.TestClockMade,
        )

    def list(
        self,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        ending_before: str | None = None,
        state: Literal["making", "ready", "advancing", "failed", "deleted"] | None = None,
        created_from: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
    ) -> Page[models.TestClock]:
        """List test clocks, newest first.

        limit: How many at most.
        starting_after: The id of a test clock: only older ones.
        ending_before: The id of a test clock: only newer ones, those next to it.
        state: Only those in this state.
        created_from: Only those made then or later: a day of the book, or a moment with its zone.
        created_before: Only those made before.
        """
        return self._transport.page(
            Request(
                "GET",
                "/v1/test_helpers/test_clocks",
                query=given(
                    {
                        "limit": limit,
                        "starting_after": starting_after,
                        "ending_before": ending_before,
                        "state": state,
                        "created_from": created_from,
                        "created_before": created_before,
                    }
                ),
            ),
            models.TestClock,
        )

    def retrieve(self, test_clock_id: str) -> models.TestClock:
        """Show a test clock, and how far it is."""
        return self._transport.one(Request("GET", f"/v1/test_helpers/test_clocks/{segment(test_clock_id)}"), models.TestClock)

    def delete(self, test_clock_id: str) -> models.TestClockDeleted:
        """Delete a test clock."""
        return self._transport.one(Request("DELETE", f"/v1/test_helpers/test_clocks/{segment(test_clock_id)}"), models.TestClockDeleted)

    def advance(self, test_clock_id: str, *, frozen_time: datetime | date | str, idempotency_key: str | None = None) -> models.AdvanceBegun:
        """Take a test clock forward.

        A later moment, to which the clock is taken: everything that falls due in between happens, in the order of time.
        """
        return self._transport.one(
            Request(
                "POST",
                f"/v1/test_helpers/test_clocks/{segment(test_clock_id)}/advance",
                body=given({"frozen_time": frozen_time}),
                key=idempotency_key,
            ),
            models.AdvanceBegun,
        )


class TestHelpersConsumers:
    """/v1/test_helpers/consumers"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, *, email: str, idempotency_key: str | None = None) -> models.TestConsumerMade:
        """Register a consumer to practise with, whose address says how they behave.

        Somebody who behaves as their address says.

        email: Of the form consumer+BEHAVIOUR@test.example, or consumer+BEHAVIOUR+TAG@test.example for another person who
            behaves so.
        """
        return self._transport.one(
            Request("POST", "/v1/test_helpers/consumers", body=given({"email": email}), key=idempotency_key), models.TestConsumerMade
        )


class TestHelpers:
    """/v1/test_helpers"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.test_clocks = TestHelpersTestClocks(transport)
        self.consumers = TestHelpersConsumers(transport)


class Whoami:
    """/v1/whoami"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def retrieve(self) -> models.KeyHeld:
        """Show what the key is that asks."""
        return self._transport.one(Request("GET", "/v1/whoami"), models.KeyHeld)


class Resources:
    """All resources."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.price_labels = PriceLabels(transport)
        self.quotes = Quotes(transport)
        self.checkout_sessions = CheckoutSessions(transport)
        self.merchants = Merchants(transport)
        self.stores = Stores(transport)
        self.terminals = Terminals(transport)
        self.qr_codes = QrCodes(transport)
        self.orders = Orders(transport)
        self.captures = Captures(transport)
        self.refunds = Refunds(transport)
        self.loans = Loans(transport)
        self.events = Events(transport)
        self.webhook_endpoints = WebhookEndpoints(transport)
        self.balance = Balance(transport)
        self.balance_transactions = BalanceTransactions(transport)
        self.payouts = Payouts(transport)
        self.settlements = Settlements(transport)
        self.statements = Statements(transport)
        self.invoices = Invoices(transport)
        self.disputes = Disputes(transport)
        self.files = Files(transport)
        self.api_keys = ApiKeys(transport)
        self.test_helpers = TestHelpers(transport)
        self.whoami = Whoami(transport)
