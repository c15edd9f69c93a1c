"""What was set aside, sent again or dropped. A request goes through its own journey once more, with its own key, so it cannot double:
where it was carried out meanwhile, by whoever sent it again, the answer is that first outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.access.queries import KEY_EXPIRED, KEY_REVOKED
from yuefu.errors import Refused
from yuefu.journeys import (
    aftersales,
    billing,
    charge_backs,
    checkout,
    close_of_day,
    collecting,
    debits,
    disputes,
    ending,
    mandates,
    places,
    receipts,
    refund,
    repayment,
    transfers,
    undoing,
)
from yuefu.journeys.aftersales import CaseRequest, StepRequest
from yuefu.journeys.billing import PayRequest
from yuefu.journeys.charge_backs import DisputeWon, TakenBack
from yuefu.journeys.checkout import Purchase, scanning, sessions
from yuefu.journeys.collecting import RecoverRequest
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.ending import PayQuote
from yuefu.journeys.receipts import MatchRequest
from yuefu.journeys.repayment import RepayRequest
from yuefu.journeys.undoing import UndoRequest
from yuefu.ledger.rules import Transfer
from yuefu.loans.commands import closing
from yuefu.merchants.commands.stores import Closing as ClosingPlace
from yuefu.merchants.commands.stores import NewStore, NewTerminal
from yuefu.orders.commands import CaptureRequest, RefundRequest, ReleaseRequest, VoidRequest
from yuefu.orders.commands.extending import ExtendRequest
from yuefu.payments.commands import Closing, NewMandate, ReturnOrder, Revocation
from yuefu.payments.rules import ChannelResult, MandateResult, NoticeResult, PayResult
from yuefu.runtime import days, quarantine, stops
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.jsontext import dumps, read
from yuefu.runtime.quarantine import ALREADY_DEALT_WITH, UNKNOWN_QUARANTINE

REQUEST_OUTDATED: Final = "request_outdated"  # it was kept in a shape that is not read any more, or cut off: drop it, and send it anew
REASON_INVALID: Final = "reason_invalid"

_NOTHING_WAS_TRIED: Final = frozenset({days.NO_OPEN_DAY, stops.READ_ONLY, KEY_REVOKED, KEY_EXPIRED})
_LONGEST_REASON: Final = 500

Send = Callable[[Desk, datetime, Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the requests of a command are, and the journey they go through."""

    request: Any
    send: Send


def _send_chains(desk: Desk, now: datetime, chains: Sequence[Sequence[Transfer]]) -> list[Any]:
    """One outcome a chain: what was answered to all of it, where that is one answer, else those of its transfers."""
    outcomes = []
    for chain in chains:
        answers = transfers.transfer(desk=desk, now=now, transfers=chain)
        whole = isinstance(answers[0], Quarantined | Refused) and all(answer == answers[0] for answer in answers)
        outcomes.append(answers[0] if whole else tuple(answers))
    return outcomes


KINDS: Final[Mapping[str, _Kind]] = {
    "authorise": _Kind(Purchase, lambda desk, now, given: checkout.authorise(desk=desk, now=now, purchases=given)),
    "capture": _Kind(CaptureRequest, lambda desk, now, given: checkout.capture(desk=desk, now=now, requests=given)),
    "void": _Kind(VoidRequest, lambda desk, now, given: checkout.void(desk=desk, now=now, requests=given)),
    "release": _Kind(ReleaseRequest, lambda desk, now, given: checkout.release(desk=desk, now=now, requests=given)),
    "extend": _Kind(ExtendRequest, lambda desk, now, given: checkout.extend(desk=desk, now=now, requests=given)),
    "open_session": _Kind(sessions.NewSession, lambda desk, now, given: sessions.open_sessions(desk=desk, now=now, requests=given)),
    "expire_session": _Kind(sessions.EndSession, lambda desk, now, given: sessions.expire_sessions(desk=desk, now=now, requests=given)),
    "lapse_session": _Kind(UUID, lambda desk, now, given: sessions.lapse_sessions(desk=desk, now=now, checkout_ids=given)),
    "cancel_session": _Kind(UUID, lambda desk, now, given: sessions.cancel(desk=desk, now=now, checkout_ids=given)),
    "consent": _Kind(sessions.Consent, lambda desk, now, given: sessions.consent(desk=desk, now=now, consents=given)),
    "make_qr_code": _Kind(scanning.NewQrCode, lambda desk, now, given: scanning.make(desk=desk, now=now, requests=given)),
    "open_store": _Kind(NewStore, lambda desk, now, given: places.open_stores(desk=desk, now=now, requests=given)),
    "open_terminal": _Kind(NewTerminal, lambda desk, now, given: places.open_terminals(desk=desk, now=now, requests=given)),
    "close_place": _Kind(ClosingPlace, lambda desk, now, given: places.close(desk=desk, now=now, requests=given)),
    "expire": _Kind(UUID, lambda desk, now, given: checkout.expire_orders(desk=desk, now=now, order_ids=given)),
    "refund": _Kind(RefundRequest, lambda desk, now, given: refund.refund(desk=desk, now=now, requests=given)),
    "refund.book": _Kind(ChannelResult, lambda desk, now, given: refund.book(desk=desk, now=now, results=given)),
    "refund.retry": _Kind(UUID, lambda desk, now, given: refund.retry_loans(desk=desk, now=now, loan_ids=given)),
    "repay": _Kind(RepayRequest, lambda desk, now, given: repayment.repay(desk=desk, now=now, requests=given)),
    "repay.book": _Kind(ChannelResult, lambda desk, now, given: repayment.book(desk=desk, now=now, results=given)),
    "aftersale.open": _Kind(CaseRequest, lambda desk, now, given: aftersales.ask(desk=desk, now=now, requests=given)),
    "aftersale.step": _Kind(StepRequest, lambda desk, now, given: aftersales.take(desk=desk, now=now, requests=given)),
    "dispute.open": _Kind(disputes.OpenRequest, lambda desk, now, given: disputes.begin(desk=desk, now=now, requests=given)),
    "dispute.step": _Kind(disputes.StepRequest, lambda desk, now, given: disputes.take(desk=desk, now=now, requests=given)),
    "dispute.evidence": _Kind(disputes.EvidenceRequest, lambda desk, now, given: disputes.add_evidence(desk=desk, now=now, requests=given)),
    "charge_back.enter": _Kind(TakenBack, lambda desk, now, given: charge_backs.enter(desk=desk, now=now, requests=given)),
    "charge_back.win": _Kind(DisputeWon, lambda desk, now, given: charge_backs.win(desk=desk, now=now, requests=given)),
    "billing.make": _Kind(UUID, lambda desk, now, given: billing.make_for(desk=desk, now=now, account_ids=given)),
    "billing.pay": _Kind(PayRequest, lambda desk, now, given: billing.pay(desk=desk, now=now, requests=given)),
    ending.PAY_QUOTE: _Kind(PayQuote, lambda desk, now, given: ending.pay(desk=desk, now=now, requests=given)),
    "billing.release": _Kind(UUID, lambda desk, now, given: billing.release_parts(desk=desk, now=now, part_ids=given)),
    "mandate.sign": _Kind(NewMandate, lambda desk, now, given: mandates.sign(desk=desk, now=now, requests=given)),
    "mandate.revoke": _Kind(Revocation, lambda desk, now, given: mandates.revoke(desk=desk, now=now, revocations=given)),
    "mandate.book": _Kind(MandateResult, lambda desk, now, given: mandates.book(desk=desk, now=now, results=given)),
    "debit.plan": _Kind(UUID, lambda desk, now, given: debits.plan_mandates(desk=desk, now=now, mandate_ids=given)),
    "debit.notice": _Kind(NoticeResult, lambda desk, now, given: debits.book_notices(desk=desk, now=now, results=given)),
    "debit.send": _Kind(UUID, lambda desk, now, given: debits.send_tries(desk=desk, now=now, try_ids=given)),
    "debit.follow": _Kind(UUID, lambda desk, now, given: debits.follow_tries(desk=desk, now=now, try_ids=given)),
    "debit.missed": _Kind(UUID, lambda desk, now, given: debits.drop_missed(desk=desk, now=now, try_ids=given)),
    "debit.again": _Kind(UUID, lambda desk, now, given: debits.try_again(desk=desk, now=now, try_ids=given)),
    "contradiction.close": _Kind(Closing, lambda desk, now, given: debits.close(desk=desk, now=now, closings=given)),
    "collect.look": _Kind(UUID, lambda desk, now, given: collecting.look_at(desk=desk, now=now, consumer_ids=given)),
    "collect.recover": _Kind(RecoverRequest, lambda desk, now, given: collecting.recover(desk=desk, now=now, requests=given)),
    "receipt.match": _Kind(MatchRequest, lambda desk, now, given: receipts.match(desk=desk, now=now, requests=given)),
    "receipt.return": _Kind(ReturnOrder, lambda desk, now, given: receipts.give_back(desk=desk, now=now, orders=given)),
    "receipt.return.book": _Kind(PayResult, lambda desk, now, given: receipts.book_returns(desk=desk, now=now, results=given)),
    "transfer": _Kind(tuple[Transfer, ...], _send_chains),
    closing.LOOK_AT: _Kind(UUID, lambda desk, now, given: close_of_day.look_again(desk=desk, now=now, loan_ids=given)),
    "repayment.undo": _Kind(UndoRequest, lambda desk, now, given: undoing.undo(desk=desk, now=now, requests=given)),
}
"""By the name under which a journey sets its requests aside (`desk.in_batches`)."""


@dataclass(frozen=True, slots=True)
class Retried:
    """A request that was sent again. `outcome` is what its journey answered: a Refused is an answer too, Quarantined means that it broke
    again and still waits.
    """

    id: UUID
    command: str
    outcome: Any

    @property
    def waits(self) -> bool:
        """Whether it is still to be dealt with."""
        return isinstance(self.outcome, Quarantined) or (isinstance(self.outcome, Refused) and self.outcome.code in _NOTHING_WAS_TRIED)


def retry(*, desk: Desk, now: datetime, quarantine_ids: Sequence[UUID]) -> list[Retried | Refused]:
    """Sends requests again, each by itself and in order; one outcome each. Refused with unknown_quarantine, already_dealt_with or
    request_outdated. Interrupted before its end, it can be called again: the key of each request gives the outcome it had.
    """
    return [_retry(desk, now, one) for one in quarantine_ids]


def _retry(desk: Desk, now: datetime, quarantine_id: UUID) -> Retried | Refused:
    aside = quarantine.by_id(book_id=desk.book.id, quarantine_id=quarantine_id)
    if aside is None:
        return Refused(UNKNOWN_QUARANTINE, "there is no such request set aside in this book", "quarantine_id")
    if aside.state != "waiting":
        return Refused(ALREADY_DEALT_WITH, f"it was {aside.state} before, by {aside.decided_by}", "quarantine_id")
    kind = KINDS.get(aside.command)
    try:
        request = read(kind.request, aside.request) if kind else None
    except ValueError as error:
        return Refused(REQUEST_OUTDATED, f"it cannot be read any more ({error}): drop it, and have it sent anew", "request")
    if kind is None:
        return Refused(REQUEST_OUTDATED, f"there is no command {aside.command} any more: drop it", "command")
    (outcome,) = kind.send(desk, now, [request])
    done = Retried(aside.id, aside.command, outcome)
    if not done.waits:
        with open_day(desk, now) as work:
            if not isinstance(work, Refused):  # Somebody else may have dealt with it meanwhile: with the same outcome.
                quarantine.settle(work=work, quarantine_ids=[aside.id], state="retried", told=[dumps(told(outcome))])
    return done


def told(outcome: Any) -> Mapping[str, Any]:
    """An outcome with the name of its kind, as it is kept and printed."""
    return {"kind": type(outcome).__name__ if outcome is not None else "nothing", "value": outcome}


def drop(*, desk: Desk, now: datetime, quarantine_ids: Sequence[UUID], reason: str) -> list[UUID | Refused]:
    """Gives requests up, with a reason that is kept; what they asked for is not done. One outcome each, in order. Refused with
    reason_invalid, unknown_quarantine or already_dealt_with.
    """
    if not 1 <= len(reason) <= _LONGEST_REASON or not reason.isprintable() or not reason.strip():
        return [Refused(REASON_INVALID, f"a reason has 1 to {_LONGEST_REASON} printable characters", "reason")] * len(quarantine_ids)
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return [work] * len(quarantine_ids)
        return quarantine.settle(work=work, quarantine_ids=quarantine_ids, state="dropped", told=[reason] * len(quarantine_ids))
