"""A day's report and its money flow, as a shop of some size would have them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from tests.web import samples
from tests.web.samples import AS_OF, at, yuan
from yuefu.growth.queries import Payable
from yuefu.growth.rules import concentration, plans, stress
from yuefu.growth.rules.concentration import Month
from yuefu.insight.queries import BackDated, Kept
from yuefu.insight.rules import flows
from yuefu.insight.rules.clearing import FORM, Fact, Part, Report, Row, Section, Sold
from yuefu.insight.rules.flows import Flow, FlowEntry
from yuefu.journeys.merchant_money import Divided, Funds, Liquidity
from yuefu.journeys.money_flow import Day, Entries
from yuefu.journeys.reports import GivenOut
from yuefu.ledger.rules.gl import Standing
from yuefu.merchants.queries import Shown

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


SHOP = Shown(UUID(int=9), "harbour", "海港唱片", "Harbour Records", "active", "media", "91110000600037341L", "**** 0001")


def money_of_a_merchant() -> tuple[Funds, list[Month], Liquidity]:
    plan, paid = plans.Plan(SHOP.id, 0, date.min, plans.DEFAULT), yuan("12345.67")
    parts = tuple(plans.divided(paid, plan.envelopes))
    sums = tuple((one.name, part) for one, part in zip(plan.envelopes, parts, strict=True))
    lines = concentration.lines(dict(concentration.DEFAULT_POLICY))
    told = [("9000.00", "10000.00"), ("7500.00", "10000.00"), ("100.00", "10000.00"), ("500.00", None), ("2.00", "1.00")]
    months = [
        concentration.month(date(2026, 9 - n, 1), yuan(sold), yuan(all_of_it) if all_of_it else None, lines)
        for n, (sold, all_of_it) in enumerate(told)
    ]
    coming = (stress.Dated(AS_OF + timedelta(days=2), yuan("30000.00"), "sales"), stress.Dated(AS_OF, yuan("1000.00"), "payouts"))
    due = (stress.Dated(AS_OF + timedelta(days=3), yuan("28000.00"), "Press & Co."),)
    owed = (Payable(UUID(int=11), "Press & Co.", "INV-2026-000000123456", yuan("28000.00"), AS_OF + timedelta(days=3), None, None),)
    tried = stress.stressed(yuan("500.00"), coming, due, today=AS_OF, until=AS_OF + timedelta(days=60), shift_days=3)
    return (
        Funds(plan, (Divided(AS_OF, paid, plan, parts),), sums),
        months,
        Liquidity(yuan("500.00"), yuan("1288.00"), coming, due, tried, owed),
    )
