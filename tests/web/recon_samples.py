"""A day of reconciliation with something of everything: breaks, a warning, what is pending, what was carried, ended and is missing."""

from __future__ import annotations

from datetime import date, timedelta

from tests.web.samples import AS_OF, yuan
from yuefu.journeys.carried import MISSING, DayStatements, SourceDay
from yuefu.money.amounts import Money, total
from yuefu.reconciliation.queries import Balances
from yuefu.reconciliation.rules.balances import Term, balance
from yuefu.reconciliation.rules.carrying import Statement, statement
from yuefu.reconciliation.rules.checks import check_set, evaluate
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.references import Grace, Told, fold, halves

ON = AS_OF - timedelta(days=1)
GRACE = Grace(here_days=1, there_days=3)


def item(
    number: int, days_ago: int, line: str | None, movement: str | None, status: str = "SUCCESS", *, doubled: bool = False
) -> list[Told]:
    reference = f"col_01m4nvbnz0e44r30qama92c{number:03d}"
    there = None if line is None else (yuan(line), status)
    here = None if movement is None else (yuan(movement), "SUCCESS")
    on = ON - timedelta(days=days_ago)
    return halves(key=str(number), kind="payment", reference=reference, on=on, line=there, movement=here, duplicate=doubled)


def told_statement(told: list[Told], ended: dict[str, str], on: date = ON) -> Statement:
    before, after = fold(told, through=on - timedelta(days=1)), fold(told, through=on)
    bill, books = (total((t.amount for t in told if t.on == on and t.side == side), "CNY") + yuan("12345.67") for side in ("there", "here"))
    return statement(on=on, before=before, after=after, bill=bill, books=books, grace=GRACE, ended=ended)


def a_day() -> DayStatements:
    told = [
        *item(1, 9, None, "1999.00"),
        *item(2, 0, "200.50", "200.00"),
        *item(3, 0, "99.00", None),
        *item(4, 0, "-120.00", "-120.00", "PROCESSING"),
        *item(5, 0, "45.00", "45.00", "HALF_EATEN"),
        *item(6, 0, "33.00", None, doubled=True),
        *(*item(7, 1, None, "600.00"), *item(7, 0, "600.00", None)),
        *item(8, 5, "12.00", None),
        *item(9, 0, "70.00", "70.00", "REVOKED"),
    ]
    trade = told_statement(told, {"8": "explained"})
    flow = told_statement([], {})
    balances = Balances(yuan("1000.00"), yuan("986.00"), yuan("13331.67"))
    before = balance([Term("before", yuan("1000.00"), 1), Term("opening", yuan("986.00"), -1)], yuan("0.00"))
    sources = (
        SourceDay("channel_trade", "done", trade.verdict(), trade),
        SourceDay("channel_fund", "done", flow.verdict(warnings=1), flow, balances, before),
        SourceDay("bank", MISSING, Verdict.INCOMPLETE),
        SourceDay("bank_client", "failed", Verdict.INCOMPLETE),
    )
    given = [
        {"name": "channel_cash", "zero": {"ledger:channel_cash": 1, "bill:channel_fund": -1}},
        {"name": "client_money", "same": ["ledger:client_cash", "bill:bank_client"], "tolerance_minor": 100},
        {"name": "euro", "rate": {"base": "ledger:bank_cash/EUR", "quote": "ledger:bank_cash", "target": "7.8", "bps": 25}},
    ]
    figures = {"ledger:channel_cash": yuan("13331.67"), "bill:channel_fund": yuan("13330.00"), "ledger:client_cash": yuan("5.00")}
    figures |= {"ledger:bank_cash/EUR": Money(0, "EUR"), "ledger:bank_cash": yuan("1.00")}
    checks = tuple(evaluate(check_set(one), figures, "CNY") for one in given)
    return DayStatements(ON, Verdict.INCOMPLETE, sources, checks)
