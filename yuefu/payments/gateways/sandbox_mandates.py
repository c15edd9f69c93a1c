"""The mandates that the sandbox channel keeps, with their prior notices. Nothing else reads these tables.

What happens is chosen by the word after the last colon of the instrument that was signed, and is stable for ever; anything else is normal.

signing      sign_refused            refused
             sign_unknown            no answer, yet it was signed; asking tells
notices      notice_refused          refused with day_limit_exceeded
             notice_unknown          no answer the first time; the same notice sent again is accepted
debits       insufficient_funds      each is refused, nothing moves
             funds_at_second         the first of the contract is refused with insufficient_funds, those after it succeed
             account_closed          refused; the contract has ended
             mandate_lost            the contract ended after it was signed: notices and debits are refused with mandate_ended
             any of a collection     as there, e.g. unknown_then_success, late_success, failed_then_success

Held for every contract, as a wallet does: the notice on the day before, from 08:00 to 19:30; the debit on the day that was announced, for
the amount that was; never more than the limit; for its own payer only; nothing after it ended or its last day passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from yuefu.payments.gateways.ports import GatewayError
from yuefu.payments.gateways.sandbox_books import SandboxBooks
from yuefu.payments.rules import CONTRACT, CollectOrder, MandateResult, NoticeOrder, NoticeResult, SignOrder
from yuefu.runtime import sql
from yuefu.runtime.values import Book

_OPENS, _CLOSES = time(8), time(19, 30)


@dataclass(slots=True)
class Contract:
    """A mandate as the sandbox knows it. `silent`: it was made, but the caller was not told. `debits` counts what was asked of it."""

    reference: str
    number: str
    kind: str
    instrument: str
    payer: str
    limit_minor: int
    valid_until: date | None
    state: str
    failure_code: str
    silent: bool
    debits: int

    @property
    def rule(self) -> str:
        return self.instrument.rpartition(":")[2]


@dataclass(slots=True)
class _Notice:
    reference: str
    number: str
    contract: str
    amount_minor: int
    debit_on: date
    outcome: str
    failure_code: str
    silent: bool


_CONTRACT: Final = {
    "reference": "text",
    "number": "text",
    "kind": "text",
    "instrument": "text",
    "payer": "text",
    "limit_minor": "bigint",
    "valid_until": "date",
    "state": "text",
    "failure_code": "text",
    "silent": "boolean",
    "debits": "integer",
}
_NOTICE: Final = {
    "reference": "text",
    "number": "text",
    "contract": "text",
    "amount_minor": "bigint",
    "debit_on": "date",
    "outcome": "text",
    "failure_code": "text",
    "silent": "boolean",
}


class SandboxMandates:
    """Contracts and notices of the sandbox channel in one book. Writing locks the books of the channel."""

    def __init__(self, book: Book, books: SandboxBooks) -> None:
        self._book = book
        self._books = books

    def sign(self, *, orders: Sequence[SignOrder], now: datetime) -> list[MandateResult]:
        """Makes mandates, each reference once. Raises GatewayError reference_reused."""
        with sql.transacting():
            self._books.lock()
            known = self._by_reference([order.reference for order in orders])
            fresh = {order.reference: self._signed(order, now) for order in orders if order.reference not in known}
            self._add(list(fresh.values()), now)
            known |= fresh
            for order in orders:
                if (known[order.reference].instrument, known[order.reference].payer) != (order.instrument, order.payer):
                    raise GatewayError("reference_reused", f"{order.reference} was used before for another mandate")
        return [_told(known[order.reference]) for order in orders]

    def query(self, *, references: Sequence[str]) -> Mapping[str, MandateResult]:
        """What became of mandates. One that is missing was never heard of."""
        with sql.transacting():
            self._books.lock()
            known = self._by_reference(references)
            for contract in known.values():
                contract.silent = False
            self._change(list(known.values()))
        return {reference: _told(known[reference]) for reference in references if reference in known}

    def revoke(self, *, references: Sequence[str], now: datetime) -> list[MandateResult]:
        """Ends mandates; again, they have ended. One that was never heard of can never be made any more."""
        with sql.transacting():
            self._books.lock()
            known = self._by_reference(references)
            unheard = [r for r in dict.fromkeys(references) if r not in known]
            self._add([Contract(r, self._number(r, now), "wallet", "", "", 0, None, "ended", "", False, 0) for r in unheard], now)
            for contract in known.values():
                contract.state, contract.silent = "ended" if contract.state == "active" else contract.state, False
            self._change(list(known.values()))
        return [MandateResult(r, "ended", known[r].number if r in known else "") for r in references]

    def announce(self, *, orders: Sequence[NoticeOrder], now: datetime) -> list[NoticeResult]:
        """Takes prior notices, each reference once. Raises GatewayError reference_reused."""
        with sql.transacting():
            self._books.lock()
            contracts = self._by_number([order.contract for order in orders])
            known = self._notices([order.reference for order in orders])
            for notice in known.values():
                notice.silent = False
            self._hear(list(known.values()))
            fresh = [self._noticed(order, contracts.get(order.contract), now) for order in orders if order.reference not in known]
            self._note(fresh, now)
            known |= {notice.reference: notice for notice in fresh}
            for order in orders:
                if (known[order.reference].amount_minor, known[order.reference].debit_on) != (order.amount.minor, order.debit_on):
                    raise GatewayError("reference_reused", f"{order.reference} was used before for another debit")
        return [_answered(known[order.reference]) for order in orders]

    def permit(self, orders: Sequence[CollectOrder], now: datetime) -> dict[str, tuple[str, str]]:
        """By reference of a collection that names a contract: the rule of the contract, and why nothing may be taken by it ("" if it may).

        Inside the transaction in which the channel collects, whose books are locked.
        """
        asked = {order.reference: order.instrument.removeprefix(CONTRACT) for order in orders if order.instrument.startswith(CONTRACT)}
        if not asked:
            return {}
        contracts = self._by_number(list(asked.values()))
        announced = self._announced(list(asked.values()), self._books.local(now).date())
        found: dict[str, tuple[str, str]] = {}
        for order in orders:
            if order.reference in asked:
                contract = contracts.get(asked[order.reference])
                found[order.reference] = self._permitted(order, contract, announced, now)
        self._change(list(contracts.values()))
        return found

    def _permitted(self, order: CollectOrder, contract: Contract | None, announced: set[tuple[str, int]], now: datetime) -> tuple[str, str]:
        if contract is None or order.payer != contract.payer:
            return "", "mandate_ended"  # of somebody else: the channel does not say that there is one
        contract.debits += 1
        if refused := self._over(contract, now):
            return contract.rule, refused
        if order.amount.minor > contract.limit_minor:
            return contract.rule, "limit_exceeded"
        if contract.kind == "wallet" and (contract.number, order.amount.minor) not in announced:
            return contract.rule, "not_announced"
        if contract.rule == "account_closed":
            contract.state = "ended"
        if contract.rule == "funds_at_second" and contract.debits == 1:
            return contract.rule, "insufficient_funds"
        return contract.rule, ""

    def _signed(self, order: SignOrder, now: datetime) -> Contract:
        rule = order.instrument.rpartition(":")[2]
        refused = rule == "sign_refused"
        return Contract(
            reference=order.reference,
            number=self._number(order.reference, now),
            kind=order.kind,
            instrument=order.instrument,
            payer=order.payer,
            limit_minor=order.limit.minor,
            valid_until=order.valid_until,
            state="refused" if refused else "active",
            failure_code="sign_refused" if refused else "",
            silent=rule == "sign_unknown",
            debits=0,
        )

    def _noticed(self, order: NoticeOrder, contract: Contract | None, now: datetime) -> _Notice:
        local = self._books.local(now)
        refused = "mandate_ended" if contract is None else self._over(contract, now)
        if not refused and not (_OPENS <= local.time() <= _CLOSES and order.debit_on == local.date() + timedelta(days=1)):
            refused = "outside_window"
        if not refused and contract and contract.rule == "notice_refused":
            refused = "day_limit_exceeded"
        return _Notice(
            reference=order.reference,
            number=self._books.number("4300", order.reference, now),
            contract=order.contract,
            amount_minor=order.amount.minor,
            debit_on=order.debit_on,
            outcome="refused" if refused else "accepted",
            failure_code=refused,
            silent=contract is not None and contract.rule == "notice_unknown",
        )

    def _over(self, contract: Contract, now: datetime) -> str:
        last_day = contract.valid_until is not None and self._books.local(now).date() > contract.valid_until
        return "mandate_ended" if contract.state != "active" or last_day or contract.rule == "mandate_lost" else ""

    def _number(self, reference: str, now: datetime) -> str:
        return self._books.number("4400", reference, now)

    # ---------------------------------------------------------------------------------------------------------------------- the tables

    def _by_reference(self, references: Sequence[str]) -> dict[str, Contract]:
        return {contract.reference: contract for contract in self._contracts("reference", references)}

    def _by_number(self, numbers: Sequence[str]) -> dict[str, Contract]:
        return {contract.number: contract for contract in self._contracts("number", numbers)}

    def _contracts(self, column: str, wanted: Sequence[str]) -> list[Contract]:
        return sql.rows_as(
            Contract,
            f"SELECT {', '.join(_CONTRACT)} FROM payments_sandbox_contract WHERE book_id = %s AND {column} = ANY(%s)",
            [self._book.id, list(wanted)],
        )

    def _add(self, contracts: Sequence[Contract], now: datetime) -> None:
        same = {"book_id": ("uuid", self._book.id), "currency": ("text", self._book.currency), "at": ("timestamptz", now)}
        sql.insert("payments_sandbox_contract", _CONTRACT, [tuple(getattr(c, name) for name in _CONTRACT) for c in contracts], same=same)

    def _change(self, contracts: Sequence[Contract]) -> None:
        if contracts:
            columns = {"reference": "text", "state": "text", "silent": "boolean", "debits": "integer"}
            source, params = sql.unnest(columns, [(c.reference, c.state, c.silent, c.debits) for c in contracts])
            sql.run(
                f"UPDATE payments_sandbox_contract AS t SET state = g.state, silent = g.silent, debits = g.debits FROM {source} AS g"
                " WHERE t.book_id = %s AND t.reference = g.reference",
                [*params, self._book.id],
            )

    def _notices(self, references: Sequence[str]) -> dict[str, _Notice]:
        found = sql.rows_as(
            _Notice,
            f"SELECT {', '.join(_NOTICE)} FROM payments_sandbox_notice WHERE book_id = %s AND reference = ANY(%s)",
            [self._book.id, list(references)],
        )
        return {notice.reference: notice for notice in found}

    def _note(self, notices: Sequence[_Notice], now: datetime) -> None:
        same: dict[str, tuple[str, UUID | datetime]] = {"book_id": ("uuid", self._book.id), "at": ("timestamptz", now)}
        sql.insert("payments_sandbox_notice", _NOTICE, [tuple(getattr(n, name) for name in _NOTICE) for n in notices], same=same)

    def _hear(self, notices: Sequence[_Notice]) -> None:
        sql.run(
            "UPDATE payments_sandbox_notice SET silent = false WHERE book_id = %s AND reference = ANY(%s) AND silent",
            [self._book.id, [notice.reference for notice in notices]],
        )

    def _announced(self, contracts: Sequence[str], on: date) -> set[tuple[str, int]]:
        found = sql.rows(
            "SELECT contract, amount_minor FROM payments_sandbox_notice WHERE book_id = %s AND contract = ANY(%s) AND debit_on = %s"
            " AND outcome = 'accepted'",
            [self._book.id, list(contracts), on],
        )
        return set(found)


def _told(contract: Contract) -> MandateResult:
    if contract.silent:
        return MandateResult(contract.reference, "unknown")
    if contract.state == "refused":
        return MandateResult(contract.reference, "failed", "", contract.failure_code)
    return MandateResult(contract.reference, "active" if contract.state == "active" else "ended", contract.number)


def _answered(notice: _Notice) -> NoticeResult:
    if notice.silent:
        return NoticeResult(notice.reference, "unknown")
    return NoticeResult(notice.reference, "accepted" if notice.outcome == "accepted" else "refused", notice.number, notice.failure_code)
