"""Batches of payees as the journeys would make them, for tests of how pages show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tests.web.samples import AS_OF, at, yuan
from yuefu import ids
from yuefu.journeys.share_pages import BatchShown, LinePage, PayeeShown, ShareLine, ShareList, ShareRow, Wanted, Whose
from yuefu.merchants.queries.payee_accounts import PayeeAccount
from yuefu.merchants.rules.payees import Payee
from yuefu.payments.rules import Payout
from yuefu.settlement.queries.shares import ShareBatch
from yuefu.settlement.rules.shares import Share, ShareTotals

_DAY = timedelta(days=1)
_ZERO = yuan("0.00")
_AGENT = Payee(
    UUID(int=1),
    "harbour",
    "agent",
    "company",
    "港湾渠道管理（上海）有限公司",
    "Harbour Channel Management (Shanghai) Co., Ltd",
    None,
    "active",
    "*4455",
)
_HOST = Payee(UUID(int=2), "lin", "host", "person", "林小鹿", "Lin Xiaolu", None, "ended", "*0042")
AGENT, HOST, FUNDER = (
    Whose("agent", _AGENT.id, ids.text("payee", _AGENT.id), _AGENT),
    Whose("host", _HOST.id, ids.text("payee", _HOST.id), _HOST),
    Whose("funder", UUID(int=3), ids.text("funder", UUID(int=3)), None),
)
PAYS = ShareTotals(
    yuan("1234567.89"), yuan("1990.00"), yuan("55.20"), _ZERO, yuan("1232522.69"), yuan("1232522.69"), _ZERO, yuan("246504.54")
)
OWES = ShareTotals(_ZERO, yuan("55.20"), _ZERO, yuan("-10.00"), yuan("-65.20"), _ZERO, yuan("-65.20"), _ZERO)


def row(number: int, whose: Whose, state: str, totals: ShareTotals = PAYS) -> ShareRow:
    batch = ShareBatch(UUID(int=number), whose.party, whose.id, AS_OF - number * _DAY, 12_345, totals, state, "")
    return ShareRow(ids.text("share_batch", batch.id), batch, whose)


def batches(payee: str = "", state: str = "") -> ShareList:
    """One of each state."""
    of = (("due", AGENT), ("scheduled", HOST), ("returned", HOST), ("paid", FUNDER), ("reconciled", AGENT))
    rows = [row(number, whose, state) for number, (state, whose) in enumerate(of, 1)] + [row(9, HOST, "accrued", OWES)]
    return ShareList(Wanted(payee, state), tuple(rows), rows[-1].public_id)


def no_batch() -> ShareList:
    return ShareList(Wanted(), (), "")


def a_batch() -> BatchShown:
    """Its first payout came back, the second one is on its way."""
    of = row(1, AGENT, "scheduled")
    first = Payout(
        *(
            UUID(int=7),
            "po_01m4nvbnz0e44r30qama92cgm4",
            UUID(int=8),
            None,
            of.batch.id,
            PAYS.pays,
            "9",
            "returned",
            "bank_ac04",
            at(AS_OF, 15),
        ),
        *(AS_OF, AS_OF, UUID(int=5), None, True, "agent", AGENT.id),
    )
    second = replace(
        first, id=UUID(int=9), reference="po_01m4nvbnz0e44r30qama92cgm5", state="sent", failure_code="", paid_on=None, returned_on=None
    )
    return BatchShown(replace(of, batch=replace(of.batch, payout_id=second.id, reference=second.reference)), (first, second))


def lines() -> LinePage:
    """One of each kind."""
    of = (("earned", "1234567.89", "CDNOW-19980630-000431"), ("refunded", "-1990.00", "A-VERY-LONG-REFERENCE-OF-A-MERCHANT-0000000000001"))
    shares = [
        ShareLine(
            Share(
                *(UUID(int=n), kind, UUID(int=n), UUID(int=n), UUID(int=n), UUID(int=n), UUID(int=n), "agent", 1, AGENT.id),
                *(yuan(amount), "returned", 1_000_000, 2, 30, AS_OF - _DAY),
            ),
            ids.text("order", UUID(int=n)),
            reference,
            "harbour-records",
        )
        for n, (kind, amount, reference) in enumerate([*of, ("defaulted", "-55.20", "CDNOW-19980630-000432")], 1)
    ]
    return LinePage(tuple(shares), UUID(int=9).hex)


def a_payee() -> PayeeShown:
    """One whose first account was closed."""
    first = PayeeAccount(
        *(UUID(int=5), "agent", AGENT.id, 1, "corporate", _AGENT.name_zh, "102100099996", "*4455", AS_OF - 9 * _DAY),
        *(AS_OF - _DAY, "beneficiary_account_closed"),
    )
    second = replace(first, id=UUID(int=6), version=2, masked="*0042", bank_code="", valid_from=AS_OF, flagged_on=None, fault="")
    return PayeeShown(AGENT, (first, second), yuan("1232522.69"), (row(1, AGENT, "scheduled"), row(9, AGENT, "accrued", OWES)))
