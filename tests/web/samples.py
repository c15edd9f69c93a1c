"""A trace and an overview as the journeys would make them, for tests of how pages show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from yuefu import ids
from yuefu.journeys.closing_progress import CloseView, ProgressView, StepView, StuckView
from yuefu.journeys.suspense import DebtView, MatchView, ReceiptRow, ReceiptView, SuggestionView, SuspenseView, Whose
from yuefu.journeys.views import (
    BillView,
    BridgeView,
    DayFigures,
    EntryView,
    Happening,
    InstalmentView,
    LineView,
    OrderRow,
    Overview,
    Stage,
    StopView,
    Trace,
)  # fmt: skip
from yuefu.ledger.rules.chart import CHART
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money
from yuefu.payments.rules import Return
from yuefu.runtime.runs import Seen

ORDER_ID = UUID("019a3f00-0000-7000-8000-00000000abcd")
ORDER = ids.text("order", ORDER_ID)
AS_OF = date(2026, 10, 31)
QUARANTINE = ids.text("quarantine", UUID(int=5))
MERCHANT = ("Harbour Records", "港湾唱片行")
LONG_MERCHANT = ("The Exceedingly Well Sorted Record and Book Shop of the Old Harbour", "旧港口品类极其齐全的唱片与图书专营商店（旗舰店）")


def yuan(text: str) -> Money:
    return Money.parse(text, "CNY")


def at(on: date, hour: int, minute: int = 0) -> datetime:
    """A moment given by the clock of Shanghai."""
    return datetime(on.year, on.month, on.day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


def line(code: str, debit: str = "", credit: str = "", movement: str = "", reference: str = "") -> LineView:
    account = CHART[code]
    return LineView(
        code, account.name_en, account.name_zh, yuan(debit) if debit else None, yuan(credit) if credit else None, movement, reference
    )


def entry(no: int, kind: str, on: date, actor: str, *lines: LineView, effective_on: date | None = None) -> EntryView:
    return EntryView(ids.text("entry", UUID(int=no)), kind, on, effective_on or on, at(on, 15), actor, lines)


def a_trace() -> Trace:
    """Captured, paid out, one instalment repaid and matched with its bill line, one to come, one later."""
    bought, paid_out, repaid = date(2026, 9, 30), date(2026, 10, 8), date(2026, 10, 30)
    payment, payout = ids.text("collection", UUID(int=77)), ids.text("payout", UUID(int=78))
    timeline = (
        Happening(
            at(bought, 14, 4), bought, "quote.shown", yuan("1999.00"),
            {"quote": ids.text("quote", UUID(int=9)), "shown_to": ids.text("consumer", UUID(int=8)), "language": "zh"},
        ),
        Happening(at(bought, 14, 5), bought, "order.created", yuan("1999.00"), {"product": "free", "periods": 3}),
        Happening(at(bought, 14, 5), bought, "decision.approved", None, {"policy_version": 4}),
        Happening(at(bought, 14, 5), bought, "order.authorised", yuan("1999.00"), {"expires_on": "2026-10-07"}),
        Happening(
            at(bought, 15), bought, "order.captured", yuan("1999.00"), {"capture": ids.text("capture", UUID(int=5))},
            (
                entry(1, "settlement_capture", bought, "system:checkout", line("purchase_clearing", debit="1999.00"),
                      line("fee_income", credit="11.99"), line("unearned_discount", credit="35.98"),
                      line("merchant_pending", credit="1951.03")),
            ),
        ),
        Happening(
            at(bought, 15), bought, "loan.booked", yuan("1999.00"), {"loan": ids.text("loan", UUID(int=6))},
            (
                entry(2, "loan.booked", bought, "system:checkout", line("loan_principal", debit="1999.00"),
                      line("purchase_clearing", credit="1999.00"), line("credit_line", debit="1999.00"),
                      line("credit_line_contra", credit="1999.00")),
            ),
        ),
        Happening(
            at(paid_out, 9, 30), paid_out, "payout.paid", yuan("1951.03"), {"payout": payout},
            (entry(3, "payout_paid", paid_out, "system:settlement", line("payouts_in_transit", debit="1951.03"),
                   line("bank_cash", credit="1951.03", movement="payout", reference=payout)),),
            (BillView("bank", paid_out, 12, "payout", payout, "4200001234202610080000000012", yuan("-1951.03"), "matched"),),
        ),
        Happening(at(repaid, 0, 1), repaid, "instalment.due", yuan("666.33"), {"no": 1}),
        Happening(
            at(repaid, 10, 20), repaid, "loan.repaid", yuan("666.33"), {"collection": payment},
            (
                entry(4, "collection", repaid, "system:repayment",
                      line("channel_cash", debit="666.33", movement="payment", reference=payment),
                      line("channel_fee_expense", debit="4.00"), line("channel_cash", credit="4.00", movement="fee", reference=payment),
                      line("collections_clearing", credit="666.33")),
                entry(5, "loan.repaid", repaid, "system:repayment", line("collections_clearing", debit="666.33"),
                      line("loan_principal", credit="666.33"), effective_on=date(2026, 10, 29)),
            ),
            (
                BillView("channel_trade", repaid, 31, "payment", payment, "4200001234202610300000000031", yuan("666.33"), "matched"),
                BillView("channel_fund", repaid, 64, "fee", payment, "4200001234202610300000000031", yuan("-4.00"), "amount_differs"),
            ),
        ),
    )  # fmt: skip
    return Trace(
        order_id=ORDER_ID, public_id=ORDER, merchant_reference="CDNOW-19980630-000431", merchant_en=MERCHANT[0], merchant_zh=MERCHANT[1],
        channel="online", consumer_ref="cdnow-00431", product="free", product_en="Interest-free instalments", product_zh="免息分期",
        periods=3, amount=yuan("1999.00"), captured=yuan("1999.00"), refunded=yuan("0.00"), state="captured", decision="approved",
        reasons=(), as_of=AS_OF, price_label="¥666.33 × 2 + ¥666.34 = ¥1,999.00", total_payable=yuan("1999.00"), annual_cost_pct="0.00",
        annual_cost_simple_pct="0.00", disclosure_hash="8f14e45fceea167a5a36dedd4bea2543b7d3f1a0c2e4d6f8091a2b3c4d5e6f70",
        stages=(
            Stage("order", "done", bought), Stage("decision", "done", bought), Stage("loan", "done", bought),
            Stage("posting", "done", bought),
            Stage("settlement", "done", paid_out), Stage("repayment", "partly", date(2026, 11, 30)),
            Stage("reconciliation", "waiting", date(2026, 12, 1)),
        ),
        timeline=timeline,
        instalments=(
            InstalmentView("loan_1", 1, repaid, yuan("666.33"), yuan("0.00"), yuan("0.00"), yuan("666.33"), yuan("0.00"), yuan("0.00"), "paid"),
            InstalmentView("loan_1", 2, date(2026, 11, 30), yuan("666.33"), yuan("0.00"), yuan("0.00"), yuan("0.00"), yuan("0.00"), yuan("666.33"), "upcoming"),
            InstalmentView("loan_1", 3, date(2026, 12, 30), yuan("666.34"), yuan("0.00"), yuan("0.00"), yuan("0.00"), yuan("0.00"), yuan("666.34"), "upcoming"),
        ),
    )  # fmt: skip


def a_late_trace() -> Trace:
    """The second instalment is overdue, in the year before; the merchant has a very long name; two captures made two loans."""
    usual = a_trace()
    instalments = (
        InstalmentView(
            "loan_1",
            1,
            date(2025, 12, 30),
            yuan("5000000.00"),
            yuan("12345.67"),
            yuan("0.00"),
            yuan("5012345.67"),
            yuan("0.00"),
            yuan("0.00"),
            "paid",
        ),
        InstalmentView(
            "loan_1",
            2,
            date(2026, 1, 30),
            yuan("5000000.00"),
            yuan("12345.67"),
            yuan("0.00"),
            yuan("1000.00"),
            yuan("0.00"),
            yuan("5011345.67"),
            "overdue",
        ),
        InstalmentView(
            "loan_2", 1, date(2026, 10, 31), yuan("1234.00"), yuan("0.00"), yuan("0.00"), yuan("0.00"), yuan("0.00"), yuan("1234.00"), "due"
        ),
    )
    stages = tuple(replace(stage, state="overdue") if stage.code == "repayment" else stage for stage in usual.stages)
    return replace(
        usual, merchant_en=LONG_MERCHANT[0], merchant_zh=LONG_MERCHANT[1], amount=yuan("10001234.00"), state="part_refunded",
        stages=stages, instalments=instalments, refunded=yuan("1234.00"),
    )  # fmt: skip


def a_declined_trace() -> Trace:
    on = date(2026, 10, 31)
    never = tuple(Stage(code, "none", None) for code in ("loan", "posting", "settlement", "repayment", "reconciliation"))
    return replace(
        a_trace(), state="declined", decision="declined", reasons=("limit", "overdue"), captured=yuan("0.00"), price_label="",
        total_payable=None, annual_cost_pct="", annual_cost_simple_pct="", disclosure_hash="", instalments=(),
        stages=(Stage("order", "done", on), Stage("decision", "done", on), *never),
        timeline=(
            Happening(at(on, 11), on, "order.created", yuan("1999.00"), {}),
            Happening(at(on, 11), on, "decision.declined", None, {"reasons": "limit overdue"}),
        ),
    )  # fmt: skip


def day_figures(on: date, state: str = "closed", *, orders: int = 0, captured: str = "0.00", repaid: str = "0.00") -> DayFigures:
    return DayFigures(on, state, orders, max(orders - 3, 0), min(orders, 3), yuan(captured), yuan("0.00"), yuan(repaid), yuan("0.00"))


def an_overview() -> Overview:
    """Thirty days of a busy book; one day waits to close, two breaks are open."""
    days = tuple(
        day_figures(AS_OF - timedelta(days=29 - i), "open" if i == 29 else "closed", orders=180 + 7 * (i % 5),
                    captured=f"{31000 + 1900 * (i * 7 % 11)}.50", repaid=f"{300 * i}.25")
        for i in range(30)
    )  # fmt: skip
    states = ("captured", "authorised", "declined", "part_refunded", "refunded", "voided", "expired", "part_captured")
    orders = tuple(
        OrderRow(ids.text("order", UUID(int=ORDER_ID.int - i)), f"CDNOW-19980630-{431 - i:06}", *(LONG_MERCHANT if i == 1 else MERCHANT),
                 yuan(f"{1999 + 137 * i}.00"), 3, states[i % 8], at(AS_OF, 14) - timedelta(minutes=7 * i))
        for i in range(20)
    )  # fmt: skip
    return Overview(
        book_code="demo", legal_entity="Yuefu Demo Lending Ltd", mode="test", today=days[-1], days=days, loans_open=12345,
        principal_outstanding=yuan("8234567.89"), overdue_loans=321, owed_to_merchants=yuan("-45678.90"), trial_balance_zero=True,
        last_closed_on=AS_OF - timedelta(days=1), days_waiting_to_close=(), breaks_open=2,
        bridges=(
            BridgeView("channel_trade", date(2026, 10, 30), "done", yuan("45678.90"), yuan("45012.57"),
                       {"missing_here": yuan("666.33"), "other_day": yuan("0.00")}, yuan("0.00")),
            BridgeView("channel_fund", date(2026, 10, 30), "done", yuan("45404.83"), yuan("45404.83"), {}, yuan("0.00")),
            BridgeView("bank", date(2026, 10, 30), "waiting", yuan("-31002.11"), yuan("-31002.11"), {}, yuan("0.00")),
        ),
        orders=orders, next_cursor="019a3f00abcd",
    )  # fmt: skip


def a_stopped_overview() -> Overview:
    """One stop of each action, one with a long name and a long reason in one word; requests are set aside."""
    since, until = at(AS_OF, 14), at(AS_OF, 18)
    return replace(
        an_overview(),
        stops=(
            StopView(
                "stop_1", "new_credit", "merchant", *LONG_MERCHANT, "fraud is being looked at " + "x" * 120, "user:risk", since, until
            ),
            StopView("stop_2", "new_credit", "channel", "live", "live", "复核中", "user:risk", since, until),
            StopView("stop_3", "payouts", "", "", "", "<b>the bank</b> sends wrong answers", "user:finance", since, None),
            StopView("stop_4", "read_only", "", "", "", "the database moves tonight", "system:cli", since, until + timedelta(days=1)),
        ),
        set_aside=3,
        owed_undated=yuan("1288.00"),
    )


def an_empty_overview() -> Overview:
    today = day_figures(AS_OF, "open")
    return replace(
        an_overview(), today=today, days=(today,), loans_open=0, overdue_loans=0, principal_outstanding=yuan("0.00"),
        owed_to_merchants=yuan("0.00"), last_closed_on=None, breaks_open=0, bridges=(), orders=(), next_cursor="",
    )  # fmt: skip


def a_step(name: str, state: str, done: int = 0, chunks: int = 0, *wrong: str) -> StepView:
    return StepView(name, state, done, chunks, wrong)


def a_run(days_ago: int, took_s: float | None) -> Seen:
    on = AS_OF - timedelta(days=days_ago)
    return Seen(
        UUID(int=days_ago), on, "done", "system:close_of_day", at(on + timedelta(days=1), 0, 5), at(on + timedelta(days=1), 0, 6), took_s
    )


def a_close_under_way(asked: int = 1) -> ProgressView:
    """In the midst of its loans, with two that are stuck, and a day behind it that waits."""
    on, stuck = AS_OF - timedelta(days=2), []
    for no, error in ((5, "AssertionError: a balance below zero"), (6, "ZeroDivisionError: " + "a_very_long_name_" * 12)):
        stuck.append(StuckView(ids.text("quarantine", UUID(int=no)), ids.text("loan", UUID(int=no)), error, no, at(AS_OF, 0, no)))
    steps = (
        a_step("due", "done", 3), a_step("accrue", "done", 3), a_step("overdue", "done", 1),
        a_step("advance", "running", min(100 + asked, 250), 250), a_step("post", "waiting"), a_step("prove", "waiting"),
    )  # fmt: skip
    now = CloseView(on, "running", at(AS_OF, 0, 5), 83.4, "system:close_of_day", 2, 412_000 + asked, steps)
    last = tuple(a_run(days_ago, took) for days_ago, took in ((3, 58.2), (4, 0.4), (5, 7_503.0), (6, None)))
    return ProgressView(AS_OF, (on, AS_OF - timedelta(days=1)), now, tuple(stuck), more_stuck=True, last=last)


def a_failed_close(asked: int = 1) -> ProgressView:
    """Two proofs did not hold."""
    before = a_close_under_way(asked)
    assert before.now is not None
    steps = (
        *(replace(step, state="done") for step in before.now.steps[:5]),
        a_step("prove", "failed", 0, 0, "client_money", "bills_add_up"),
    )
    return replace(before, now=replace(before.now, state="failed", workers=0, steps=steps))


def a_waiting_close(asked: int = 1) -> ProgressView:
    """A day that is over and that nobody has begun to close, in a book that has closed none before."""
    on = AS_OF - timedelta(days=1 if asked else 0)
    steps = tuple(a_step(name, "waiting") for name in ("due", "accrue", "overdue", "advance", "post", "prove"))
    now = CloseView(on, "waiting", None, None, "", 0, 0, steps)
    return ProgressView(AS_OF, (on,), now, (), more_stuck=False, last=())


def no_close(asked: int = 1) -> ProgressView:
    """Nothing waits, nothing is stuck, nothing was closed."""
    return ProgressView(AS_OF if asked else None, (), None, (), more_stuck=False, last=())


WANG, LONG = Whose("C00007", "王*"), Whose("a-reference-as-long-as-an-old-system-gave-them-000000000042", "欧阳*")


def a_row(no: int, left: str, code: str, whose: Whose | None, days_ago: int) -> ReceiptRow:
    on = AS_OF - timedelta(days=days_ago)
    return ReceiptRow(ids.text("receipt", UUID(int=no)), f"880520261031{no:016d}", yuan("1450.00"), yuan(left), code, whose, on, days_ago)


def in_suspense() -> SuspenseView:
    """One of each reason, from a month ago until today."""
    codes = ("no_reference", "reference_not_ours", "several_references", "other_currency", "nothing_to_pay", "")
    rows = [a_row(no, "1450.00" if code else "50.00", code, WANG if no > 3 else None, 40 - 8 * no) for no, code in enumerate(codes)]
    return SuspenseView((*rows, a_row(9, "0.01", "nothing_to_pay", LONG, 0)), rows[-1].public_id)


def nothing_in_suspense() -> SuspenseView:
    return SuspenseView((), "")


def a_receipt() -> ReceiptView:
    """Part of it was matched wrongly and came back, part is on its way back; whose the rest is may be told."""
    matches = (
        MatchView(ids.text("match", UUID(int=1)), WANG, yuan("450.00"), yuan("450.00"), "user:finance@demo", "by the name", at(AS_OF, 9)),
        MatchView(ids.text("match", UUID(int=2)), LONG, yuan("300.00"), yuan("0.00"), "system:worker", "its reference", at(AS_OF, 10)),
    )
    back = Return(
        UUID(int=3), "rtn_1", UUID(int=1), UUID(int=4), yuan("100.00"), "8801", "failed", "beneficiary_rejected", "user:finance@demo",
        "not ours", at(AS_OF, 11), None, None,
    )  # fmt: skip
    near = (
        SuggestionView(WANG, "near_reference", WANG.reference),
        SuggestionView(LONG, "same_payer", LONG.reference),
        SuggestionView(WANG, "amount_of_bill", ids.text("bill", UUID(int=7))),
    )
    names = ("海港唱片", "Harbour Records and Stationery of the Northern Quay")
    shop = Shown(UUID(int=9), "harbour", *names, "active", "media", "91110000600037341L", "**** 0001")
    debt = DebtView(shop, yuan("50.00"), "user:finance2@demo", "by the text of the transfer", at(AS_OF, 12))
    row = a_row(1, "1100.00", "reference_not_ours", None, 9)
    return ReceiptView(
        row, at(AS_OF, 8), "file", "李四", "6217***********4567", "还款 1234 5678 9021 谢谢", matches, (debt,), (back,), near
    )


def an_explained_receipt() -> ReceiptView:
    before = a_receipt()
    return replace(before, row=a_row(1, "0.00", "", WANG, 9), suggestions=(), returns=())
