"""A day's report and its money flow, as a shop of some size would have them."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

from tests.web import samples
from tests.web.samples import AS_OF, at
from yuefu.insight.queries import BackDated, Kept
from yuefu.insight.rules import flows
from yuefu.insight.rules.clearing import FORM, Fact, Part, Report, Row, Section, Sold
from yuefu.insight.rules.flows import Flow, FlowEntry
from yuefu.journeys.money_flow import Day, Entries
from yuefu.journeys.reports import GivenOut
from yuefu.ledger.rules.gl import Standing

ON = AS_OF - timedelta(days=1)
MONEY = Section(
    "money",
    "CNY",
    812_340_00,
    (
        Row("channel_refund.refund", 3, -1_240_55),
        Row("collection.fee", 214, -1_912_08),
        Row("collection.payment", 214, 318_680_00),
        Row("payout_paid.payout", 18, -402_118_37),
    ),
    725_749_00,
    (
        Part("bank_cash", "operating", 600_000_00, 197_881_63),
        Part("channel_cash", "channel", 212_340_00, 527_867_37),
        Part("client_cash", "client", 0, 0),
    ),
)
OWED = Section(
    "owed",
    "CNY",
    402_118_37,
    (Row("payout_paid", 18, -402_118_37), Row("settlement_capture", 301, 588_120_40), Row("settlement_refund", 4, -2_310_00)),
    585_810_40,
    (Part("merchant_pending", "", 402_118_37, 585_810_40),),
)
INTEREST = Section("interest", "CNY", 71_002_13, (Row("interest_income", 0, 2_881_04),), 73_883_17, ())


def kept(kind: Literal["day", "month"]) -> Kept:
    since = ON if kind == "day" else ON.replace(day=1)
    return Kept(
        UUID(int=1), kind, since, ON, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", at(AS_OF, 1, 50), "system:reports"
    )


def a_day() -> GivenOut:
    sold = Sold("CNY", 301, 618_220_00, 12_364_40, 17_735_20, 4, 2_310_00, 18, 402_118_37, 402_118_37, 0, 0, 0)
    report = Report(FORM, "day", ON, ON, (MONEY,), (OWED,), (OWED, INTEREST), (sold,), (Fact("adds_up.money", "CNY", 1, 1),))
    return GivenOut(kept("day"), report, (BackDated("collection", "CNY", 2, AS_OF, AS_OF, 412_00),))


def a_flow() -> Day:
    moved = [
        Flow("merchants", "clearing", "CNY", "settlement_capture", 301, 588_120_40),
        Flow("merchant_fees", "clearing", "CNY", "settlement_capture", 301, 12_364_40),
        Flow("unearned", "clearing", "CNY", "settlement_capture", 188, 17_735_20),
        Flow("clearing", "loans", "CNY", "loan.booked", 301, 618_220_00),
        Flow("loans", "clearing", "CNY", "loan.repaid", 214, 318_680_00),
        Flow("clearing", "channel", "CNY", "collection", 214, 316_767_92),
        Flow("clearing", "channel_fees", "CNY", "collection", 214, 1_912_08),
        Flow("client_bank", "merchants", "CNY", "payout_paid", 18, 402_118_37),
    ]
    codes = {"merchants": "merchant_pending", "client_bank": "client_cash", "loans": "loan_principal"}
    opening = {"merchants": -402_118_37, "client_bank": 402_118_37, "loans": 2_118_400_00}
    stood = []
    for place, code in codes.items():
        came = sum(f.minor for f in moved if f.target == place) - sum(f.minor for f in moved if f.origin == place)
        stood.append(Standing(code, None, "CNY", opening[place], opening[place] + came))
    return Day(ON, "closed", (flows.picture(ON, "CNY", moved, stood),))


def some_entries() -> Entries:
    made = FlowEntry(samples.ORDER_ID, "settlement_capture", ON, ON, "system:checkout", 1_951_03, samples.ORDER_ID, None, UUID(int=2))
    other = FlowEntry(UUID(int=7), "loan.accrued", ON, ON, "system:close_of_day", 2_881_04, None, None, None)
    return Entries((made, other), "ent_01m4nvbnz0e44r30qama92cgm4")
