"""What a merchant does with an order, by the client alone: each fate is a way that orders go in life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from yuefu_client import Declined, Yuefu

EVIDENCE: Final = b"Delivered on the day after the order, signed for at the door."


@dataclass(slots=True)
class Sale:
    """An order and what is to become of it; `next` is what is done with it a day later."""

    reference: str
    fate: str
    consumer: str
    amount: int
    id: str = ""
    next: Callable[[Sale], None] | None = field(default=None, repr=False)


@dataclass(slots=True)
class Seller:
    """A merchant's program at its work. `done` counts what was done by name."""

    client: Yuefu
    done: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)

    def sell(self, sale: Sale) -> None:
        """Quotes, orders, and does what is done on the day of the sale."""
        if sale.fate == "session":
            return self._session(sale)
        product, periods = ("flex", 6) if sale.amount % 2 else ("free", 3)
        quote = self.client.quotes.create(product=product, amount=sale.amount, currency="CNY", periods=periods, consumer=sale.consumer)
        self.done["quote"] += 1
        lines = self._cart(sale.amount) if sale.fate == "pieces" else None
        try:
            order = self.client.orders.create(
                quote=quote.id, consumer=sale.consumer, merchant_reference=sale.reference, lines=lines, metadata={"fate": sale.fate}
            )
        except Declined as no:
            if sale.fate != "declined":
                self.differing.append(f"{sale.reference} ({sale.fate}) was declined: {', '.join(no.reasons)}")
            self.done["decline"] += 1
            return None
        if sale.fate == "declined":
            self.differing.append(f"{sale.reference} was to be declined")
        sale.id = order.id
        self.done["order"] += 1
        return FATES[sale.fate][1](self, sale)

    def next_day(self, sale: Sale) -> None:
        """What was put off until the day after, once."""
        later, sale.next = sale.next, None
        if later is not None:
            later(sale)

    def _session(self, sale: Sale) -> None:
        """A checkout session that nobody comes to."""
        session = self.client.checkout_sessions.create(
            merchant_reference=sale.reference, amount=sale.amount, currency="CNY", success_url="https://shop.example/thanks"
        )
        self.client.checkout_sessions.expire(session.id)
        self.done["session"] += 1

    @staticmethod
    def _cart(amount: int) -> list[Any]:
        """Three pieces of one thing, and another one that makes up the sum."""
        return [
            {"name": "Record", "sku": "LP-1", "unit_amount": amount // 5, "quantity": 3},
            {"name": "Book", "sku": "B-2", "unit_amount": amount - amount // 5 * 3},
        ]

    def capture(self, sale: Sale, amount: int | None = None, **more: Any) -> None:
        """Captures, and says so twice with one key: it is done once, and answered the same."""
        key = f"{sale.reference}-capture-{self.done['capture']}"
        asked = {"amount": amount, "idempotency_key": key, **more}
        first, again = (self.client.orders.capture(sale.id, **asked) for _ in range(2))
        self._same(f"capture {key}", first, again)
        self.done["capture"] += 1

    def refund(self, sale: Sale, amount: int | None = None, **more: Any) -> None:
        key = f"{sale.reference}-refund-{self.done['refund']}"
        asked = {"amount": amount, "idempotency_key": key, **more}
        first, again = (self.client.orders.refund(sale.id, **asked) for _ in range(2))
        self._same(f"refund {key}", first, again)
        self.done["refund"] += 1

    def _same(self, what: str, first: Any, again: Any) -> None:
        if first.raw != again.raw or not again.answer.replayed:
            self.differing.append(f"{what}: {first.raw}, then {again.raw}")

    # --------------------------------------------------------------------------------------------------------------------------- fates

    def whole(self, sale: Sale) -> None:
        self.capture(sale, shipping=[{"carrier": "SF", "tracking_number": f"SF-{sale.reference}"}])
        self.client.orders.update(sale.id, metadata={"shipped": "yes"})
        self.done["metadata"] += 1

    def parts(self, sale: Sale) -> None:
        """Delivered in two parts; some of it comes back the day after, and the rest the same day."""
        self.capture(sale, sale.amount // 3)
        self.capture(sale)
        sale.next = self._back_in_parts

    def _back_in_parts(self, sale: Sale) -> None:
        self.refund(sale, sale.amount // 2)
        self.refund(sale)

    def pieces(self, sale: Sale) -> None:
        self.capture(sale, lines=[{"line": 1, "quantity": 2}, {"line": 2}])
        self.capture(sale)
        sale.next = lambda one: self.refund(one, lines=[{"line": 1, "quantity": 1}], metadata={"why": "scratched"})

    def release(self, sale: Sale) -> None:
        self.capture(sale, sale.amount // 4)
        self.client.orders.release(sale.id)
        self.done["release"] += 1

    def void(self, sale: Sale) -> None:
        self.client.orders.void(sale.id)
        self.done["void"] += 1

    def extend(self, sale: Sale) -> None:
        sale.next = self._extended

    def _extended(self, sale: Sale) -> None:
        self.client.orders.extend(sale.id)
        self.done["extend"] += 1
        self.capture(sale)

    def undone(self, sale: Sale) -> None:
        """Captured, and all of it given back on the same day."""
        self.capture(sale)
        self.refund(sale)

    def left(self, sale: Sale) -> None:
        """Nobody captures it: it expires."""

    # ------------------------------------------------------------------------------------------------------------------------ disputes

    def answer(self, fates: Mapping[str, str]) -> None:
        """Answers what waits for an answer: with a file, or by conceding."""
        for dispute in self.client.disputes.list(state="initiated", limit=3):
            fate = fates[str(dispute.order)]
            if fate == "withdrawn":
                continue
            if fate == "conceded":
                self.client.disputes.accept(dispute.id, note="Ours to bear.")
                self.done["accept"] += 1
                continue
            file = self.client.files.create(purpose="dispute_evidence", name="delivery.txt", content=EVIDENCE)
            assert self.client.files.download(file.id).content == EVIDENCE, "a file is what was sent"
            self.client.disputes.evidence(dispute.id, kind="delivery", text="Signed for.", file=file.id)
            self.client.disputes.submit(dispute.id, note="Delivered.")
            self.done["answer"] += 1

    def appeal(self) -> None:
        """Appeals against what was ruled, once in two."""
        for number, dispute in enumerate(self.client.disputes.list(state="pre_arbitration", limit=100)):
            if number % 2 == 0 and dispute.ruling == "lost":
                self.client.disputes.appeal(dispute.id, note="We have proof.")
                self.done["appeal"] += 1


FATES: Final[Mapping[str, tuple[str, Callable[[Seller, Sale], None]]]] = {
    "pieces": ("approved", Seller.pieces),
    "parts": ("approved", Seller.parts),
    "release": ("approved", Seller.release),
    "void": ("approved", Seller.void),
    "extend": ("approved", Seller.extend),
    "answered": ("disputes_goods_not_received", Seller.whole),
    "conceded": ("disputes_unauthorised", Seller.whole),
    "session": ("approved", Seller.left),
    "declined": ("declined", Seller.left),
    "whole": ("approved", Seller.whole),
    "undone": ("approved", Seller.undone),
    "left": ("approved", Seller.left),
    "lost": ("disputes_unauthorised", Seller.whole),
    "withdrawn": ("disputes_and_withdraws", Seller.whole),
    "returned": ("returns", Seller.whole),
    "early": ("pays_early", Seller.whole),
    "late": ("pays_late_d1", Seller.whole),
}
"""What becomes of an order → how its consumer behaves, and what is done on its day. The first eight are a small proof."""
