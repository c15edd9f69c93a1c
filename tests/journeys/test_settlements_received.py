"""Bills of channels that are not those of a book's own sandbox are received in it: each line is told, nothing of it is lost or stored by halves."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.journeys.conftest import FIRST_DAY, Shop
from tests.journeys.test_carried import of
from tests.reconciliation.test_settlements import ADYEN, AFFIRM, BILLS, PAYOUTS, TRANSACTIONS, zipped
from yuefu.errors import Refused
from yuefu.journeys import breaks, carried, reconciliation, repayment
from yuefu.journeys.desk import open_day
from yuefu.money.amounts import Money
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.payments.rules import CHANNEL_NUMBER
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import DayOutcome, FileIn, Received, receive_files
from yuefu.reconciliation.gateways.reading import read_one
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.engines import Choice, Matching
from yuefu.runtime import sql

ALIPAY = "20880000000000010156"
HEADER = ADYEN.decode().splitlines()[0]


def ours(data: bytes) -> bytes:
    """A sample as our own account at that channel would have it."""
    for theirs, mine in (
        (b"EUR", b"CNY"),
        (b"USD", b"CNY"),
        (b"Co,Shop", b"Co," + CHANNEL_NUMBER.encode()),
        (b"K000001", CHANNEL_NUMBER.encode()),
    ):
        data = data.replace(theirs, mine)
    return data


def sent(shop: Shop, data: bytes, source: str = "channel_fund", on: date | None = None) -> reconciliation.Reconciled:
    (outcome,) = reconciliation.reconcile(desk=shop.desk, now=shop.now(8), files=[FileIn(source, data, on)])
    return outcome


def refusal(shop: Shop, data: bytes, source: str = "channel_fund", on: date | None = None) -> str:
    outcome = sent(shop, data, source, on)
    assert isinstance(outcome.received, Refused)
    return outcome.received.code


def stored(shop: Shop) -> list[int]:
    tables = ("file", "line", "day", "item", "break")
    return [sql.value(f"SELECT count(*) FROM reconciliation_{table} WHERE book_id = %s", [shop.book_id]) for table in tables]


def text(minor: int) -> str:
    return f"{abs(minor) // 100}.{abs(minor) % 100:02d}"


def batch(lines: Sequence[BillLine], number: int, paid_on: date) -> bytes:
    """What our books have of some days as Adyen would tell it: gross amounts with their fees, and a payout of what is left."""
    fees = {line.reference: -line.amount.minor for line in lines if line.kind == "fee"}
    rows, left = [HEADER], 0
    for n, line in enumerate(lines):
        if line.kind not in ("payment", "refund"):
            continue
        minor, fee = line.amount.minor, fees.get(line.reference, 0) if line.kind == "payment" else 0
        left += minor - fee
        gross, net = ((f",{text(x)}" if x >= 0 else f"{text(x)},") for x in (minor, minor - fee))
        kind = "Settled" if line.kind == "payment" else "Refunded"
        rows.append(
            f"Co,{CHANNEL_NUMBER},PSP{number}{n:03d},{line.reference},card,{line.occurred_on} 10:00:00,CST,{kind},MOD{number}{n:03d},CNY,{gross},1,"
            f"CNY,{net},{text(fee)},,,,{number}"
        )
    side = f"{text(left)}," if left >= 0 else f",{text(left)}"
    rows.append(f"Co,{CHANNEL_NUMBER},,,,{paid_on} 23:00:00,CST,MerchantPayout,TX{number},,,,,CNY,{side},,,,,{number}")
    return "\n".join(rows).encode()


def flow(shop: Shop, on: date) -> list[BillLine]:
    return list(read_bill(reconciliation.fetch(desk=shop.desk, on=on)["channel_fund"]).lines)


def open_breaks(shop: Shop) -> list[tuple[str, str, str, int]]:
    left = [(b.opened_on, b.kind, b.cls, (b.line or -(b.movement or Money(0, "CNY"))).minor) for b in found.breaks(book_id=shop.book_id)]
    return [(str(on), *rest) for on, *rest in sorted(left)]


@pytest.fixture
def three_days(shop: Shop) -> Shop:
    """Somebody paid on each of the first three days, and got something back on the second; it is the fourth."""
    got = shop.bought("600.00")
    shop.repay(got.loan_id, amount="50.00")
    shop.next_day()
    shop.repay(got.loan_id, amount="60.00")
    shop.next_day()
    shop.repay(got.loan_id, amount="70.00")
    shop.next_day()
    return shop


def test_batches_that_meet_within_a_day_are_matched_with_what_we_booked(three_days: Shop) -> None:
    shop, days = three_days, [FIRST_DAY + timedelta(days=n) for n in range(3)]
    first, second, third = (flow(shop, on) for on in days)
    assert [line.kind for line in first] == [line.kind for line in second] == ["payment", "fee", "refund"], "nothing is due yet"
    late = [first[2], *second]
    before = sent(shop, batch(first[:2], 42, days[1]))
    assert [(on, type(outcome)) for on, outcome in before.days] == [(days[0], DayOutcome), (days[1], DayOutcome)]
    # What was after the end of the batch comes with the next one; its payout is a break of its own.
    assert open_breaks(shop) == [
        (str(days[0]), "refund", "missing_there", -first[2].amount.minor),
        *((str(days[1]), line.kind, "missing_there", -line.amount.minor) for line in sorted(second, key=lambda line: line.kind)[:2]),
        (str(days[1]), "refund", "missing_there", -second[2].amount.minor),
        (str(days[1]), "withdrawal", "missing_here", -(first[0].amount + first[1].amount).minor),
    ]
    after = sent(shop, batch([*late, *third], 43, days[2]))
    assert [on for on, _ in after.days] == [days[2]]
    assert [(kind, cls) for _, kind, cls, _ in open_breaks(shop)] == [("withdrawal", "missing_here")] * 2
    assert found.found_by_class(book_id=shop.book_id)["other_day"] == sorted({line.reference for line in late})
    assert isinstance(after.outcome, DayOutcome)
    assert after.outcome.bridge.residual == Money(0, "CNY")
    statements = [of(carried.day(book_id=shop.book_id, on=on), "channel_fund").statement for on in days]
    assert all(one.residual.passed and one.continuity.passed for one in statements)
    assert [one.opening for one in statements[1:]] == [one.closing for one in statements[:-1]]
    paid = sum(b.line.minor for b in found.breaks(book_id=shop.book_id))
    assert statements[2].closing == Money(paid, "CNY"), "what the channel paid out, of which our books know nothing"
    left = found.breaks(book_id=shop.book_id)
    seen = breaks.seen(desk=shop.desk, break_ids=[left[0].id], on=shop.on + timedelta(days=9))
    assert [str(one.kind) for one in seen[left[0].id].suggested] == ["chase_provider"]


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (ADYEN, {"payment": 2, "fee": 3, "refund": 1, "chargeback": 1, "withdrawal": 1}),
        (AFFIRM, {"payment": 1, "refund": 1}),
        (TRANSACTIONS, {"payment": 2, "fee": 2, "tax": 2, "refund": 1}),
        (PAYOUTS, {"payment": 1, "fee": 1, "tax": 1, "refund": 1, "withdrawal": 1}),
        (zipped(TRANSACTIONS, PAYOUTS), {"payment": 2, "fee": 2, "tax": 2, "refund": 1, "withdrawal": 1}),
    ],
)
def test_what_a_book_has_no_counterpart_of_is_a_named_break_each_and_comes_once(shop: Shop, data: bytes, kinds: dict[str, int]) -> None:
    data = zipped(ours(TRANSACTIONS), ours(PAYOUTS)) if data.startswith(b"PK") else ours(data)
    outcome = sent(shop, data)
    assert isinstance(outcome.received, Received)
    assert not outcome.received.again
    assert all(isinstance(day, DayOutcome) for _, day in outcome.days)
    assert Counter(b.kind for b in found.breaks(book_id=shop.book_id)) == kinds
    assert {b.cls for b in found.breaks(book_id=shop.book_id)} == {"missing_here"}
    before = stored(shop)
    assert before[1] == before[3] == before[4] == sum(kinds.values())
    again = sent(shop, data)
    assert isinstance(again.received, Received)
    assert (again.received.again, [file.id for file in again.received.days]) == (True, [file.id for file in outcome.received.days])
    kept = {found.content(file_id=file.id) for file in outcome.received.days}
    assert [gzip.decompress(one) for one in kept if one] == [data], "one file keeps the bytes, and all of them have it"
    assert sum(1 for file in outcome.received.days if file.whole_id is None) == 1
    assert stored(shop) == before


def test_payouts_that_come_after_their_transactions_must_be_what_these_make(shop: Shop) -> None:
    wrong = (
        ours(PAYOUTS)
        .replace(b'"sale_amount": 15000', b'"sale_amount": 15001')
        .replace(b'"settlement_amount": 11304', b'"settlement_amount": 11305')
    )
    sent(shop, ours(TRANSACTIONS))
    before = stored(shop)
    assert refusal(shop, wrong) == "summary_mismatch"
    assert stored(shop) == before
    sent(shop, ours(PAYOUTS))
    assert Counter(b.kind for b in found.breaks(book_id=shop.book_id))["withdrawal"] == 1
    assert stored(shop)[1] == before[1] + 1


def test_payouts_after_transactions_that_were_fetched_twice_count_them_once(shop: Shop) -> None:
    sent(shop, ours(TRANSACTIONS))
    again = json.loads(ours(TRANSACTIONS))
    sale = again["transactions"][0]
    for day in (3, 4):
        late = {"capture_id": f"late-{day}", "merchant_capture_reference": f"CAP-L{day}", "payment_reference": "LATER"}
        again["transactions"].append({**sale, **late, "capture_date": f"2026-10-0{day}T08:00:00Z"})
    again["pagination"] |= {"count": len(again["transactions"]), "total": len(again["transactions"])}
    assert isinstance(sent(shop, json.dumps(again).encode()).received, Received)
    assert isinstance(sent(shop, ours(PAYOUTS)).received, Received)
    assert Counter(b.kind for b in found.breaks(book_id=shop.book_id))["withdrawal"] == 1


def test_transactions_that_come_after_the_totals_of_their_payout_would_count_twice(shop: Shop) -> None:
    sent(shop, ours(PAYOUTS))
    before = stored(shop)
    assert refusal(shop, ours(TRANSACTIONS)) == "totals_received"
    assert stored(shop) == before


def test_bad_settlements_are_refused_with_nothing_half_stored(shop: Shop) -> None:
    good = ours(ADYEN)
    years = good.replace(b"2026-10-01 09:00:00", b"2024-10-01 09:00:00")
    for data, code in (
        (ADYEN.replace(b"Co,Shop", b"Co," + CHANNEL_NUMBER.encode()), "other_currency"),
        (ADYEN.replace(b"EUR", b"CNY"), "foreign_account"),
        (ours(PAYOUTS).replace(CHANNEL_NUMBER.encode(), b"K1"), "foreign_account"),
        (years, "several_days"),
        (good.replace(b"2026-10-05", b"2027-10-05").replace(b"2026-10-0", b"2027-10-0"), "day_not_begun"),
        (good[:-60], "row_width"),
        (good[: good.index(b"Co,", 900)], "summary_mismatch"),
        (good.replace(b",170.00,", b",1.7e2,"), "bad_amount"),
        (good.replace(b"Net Credit (NC)", b"Net (NC)"), "missing_column"),
        (good + good.replace(b",42", b",43").partition(b"\n")[2], "several_accounts"),
        (ours(TRANSACTIONS)[:-30], "truncated"),
        (ours(TRANSACTIONS).replace(b'"total": 6', b'"total": 7'), "incomplete"),
        (ours(TRANSACTIONS).replace(b'"RETURN"', b'"GIFT"'), "unknown_kind"),
        (ours(AFFIRM).replace(b"94070,", b"940.7,"), "bad_amount"),
        (ours(AFFIRM).replace(b"null", b'"more"'), "incomplete"),
        (b'{"data": [], "next_cursor": null}', "day_unknown"),
    ):
        assert refusal(shop, data) == code
    for source in ("channel_trade", "bank", "bank_client"):
        assert refusal(shop, good, source) == "wrong_source"
    assert refusal(shop, good, on=date(2026, 10, 5)) == "other_day", "it is of several"
    assert stored(shop) == [0, 0, 0, 0, 0]
    # A file one of whose days is there already, and whose last line finds none, leaves all as it was.
    sent(shop, good)
    before = stored(shop)
    assert refusal(shop, good.replace(b"MOD0000000000004", b"MOD0000000000009")) == "day_already_has_a_file"
    assert stored(shop) == before
    assert isinstance(sent(shop, b'{"data": [], "next_cursor": null}', on=date(2026, 10, 6)).outcome, DayOutcome)


def test_events_fetched_from_too_early_a_day_on_are_refused_and_those_that_came_later_are_taken(shop: Shop) -> None:
    def event(number: int, on: int) -> str:
        return f'{{"id": "se_{number}", "transaction_id": "TX-{number}", "type": "capture", "amount": 100, "currency": "CNY", "created": "2026-10-{on:02d}"}}'

    def events(*given: tuple[int, int]) -> bytes:
        return f'{{"data": [{", ".join(event(*one) for one in given)}], "next_cursor": null}}'.encode()

    first = [(1, 2), (2, 3)]
    sent(shop, events(*first))
    before = stored(shop)
    assert refusal(shop, events(*first, (3, 4))) == "lines_received"
    assert stored(shop) == before
    after = sent(shop, events((2, 3), (4, 3), (3, 4)))  # one is told twice, and one came late
    assert [on.day for on, _ in after.days] == [4]
    assert sorted((b.reference, b.cls) for b in found.breaks(book_id=shop.book_id)) == [
        *(("TX-1/se_1", "missing_here"), ("TX-2/se_2", "duplicate"), ("TX-2/se_2", "missing_here")),
        *(("TX-3/se_3", "missing_here"), ("TX-4/se_4", "missing_here")),
    ]


def test_moments_in_utc_are_of_the_day_in_the_time_zone_of_the_book(shop: Shop) -> None:
    late = ours(AFFIRM).replace(b"2026-10-02T00:00:00Z", b"2026-10-02T20:00:00Z")
    sale = ours(TRANSACTIONS).replace(b'"capture_date": "2026-10-03T08:00:00Z"', b'"capture_date": "2026-10-05T16:00:01Z"', 1)
    assert [on.day for on, _ in sent(shop, late).days] == [3, 4]
    (bridge, _) = found.day_bridges(book_id=shop.book_id, source="channel_fund")
    assert bridge.bill_total == Money(94070, "CNY")
    assert [on.day for on, _ in sent(shop, sale).days] == [2, 5, 6]


def test_a_settlement_that_is_paid_today_is_reconciled_when_the_day_is_over(shop: Shop) -> None:
    data = ours(ADYEN).replace(b"2026-10-05", str(FIRST_DAY).encode())
    early = sent(shop, data)
    assert isinstance(early.outcome, Refused)
    assert early.outcome.code == "day_still_open"
    assert [isinstance(outcome, DayOutcome) for _, outcome in early.days] == [True] * 11 + [False]
    shop.next_day()
    assert all(one.source != "channel_fund" for one in reconciliation.catch_up(desk=shop.desk, now=shop.now(8)))
    assert [b.state for b in found.day_bridges(book_id=shop.book_id, source="channel_fund", since=FIRST_DAY)] == ["done"]
    assert Counter(b.kind for b in found.breaks(book_id=shop.book_id))["withdrawal"] == 1


def test_two_deliveries_at_once_store_a_settlement_once_and_one_that_broke_off_goes_on(shop: Shop) -> None:
    data, accounts = ours(ADYEN), {"channel_fund": CHANNEL_NUMBER}
    with open_day(shop.desk, shop.now()) as work:
        assert not isinstance(work, Refused)
        receive_files(work=work, files=[FileIn("channel_fund", data)], read=read_one, accounts=accounts)
    assert {b.state for b in found.day_bridges(book_id=shop.book_id)} == {"waiting"}, "it broke off here"
    other = ours(AFFIRM).replace(b"2026-10-0", b"2026-09-0")
    outcomes = [one for one in shop.at_once(*[lambda: sent(shop, other)] * 2) if isinstance(one, reconciliation.Reconciled)]
    assert sorted(one.received.again for one in outcomes if isinstance(one.received, Received)) == [False, True]
    assert isinstance(sent(shop, data).outcome, DayOutcome)
    assert {b.state for b in found.day_bridges(book_id=shop.book_id)} == {"done"}
    assert len(found.breaks(book_id=shop.book_id)) == 8 + 2


def alipay(shop: Shop, name: str) -> bytes:
    """A sample of Alipay's whose first trade is a payment of ours, moved to its day."""
    payment, _, refund = flow(shop, FIRST_DAY)
    data = (BILLS / name).read_bytes()
    day = FIRST_DAY
    return (
        data.replace(b"AL20261001-0001", payment.reference.encode())
        .replace(b"AR20261001-0001", refund.reference.encode())
        .replace(ALIPAY.encode(), CHANNEL_NUMBER.encode())
        .replace(b"2026-10-01", str(day).encode())
        .replace("2026年10月01日".encode("gbk"), f"{day:%Y年%m月%d日}".encode("gbk"))
        .replace("2026年10月02日".encode("gbk"), f"{day + timedelta(days=1):%Y年%m月%d日}".encode("gbk"))
    )


def as_zip(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("detail.csv", data)
    return packed.getvalue()


@pytest.mark.parametrize("form", [bytes, as_zip])
def test_alipays_bills_of_a_day_are_received_and_matched(shop: Shop, form: type[bytes]) -> None:
    got = shop.bought("6000.00")
    shop.repay(got.loan_id, amount="1200.00")
    shop.next_day()
    trade, account = (form(alipay(shop, f"alipay_{name}_detail_20261001.gbk.csv")) for name in ("trade", "account"))
    by_trade = sent(shop, trade, "channel_trade")
    by_account = sent(shop, account)
    for outcome, lines in ((by_trade, 3), (by_account, 5)):  # a fee given back is in what goes back
        assert isinstance(outcome.outcome, DayOutcome), outcome
        assert (outcome.on, outcome.outcome.bridge.line_count, outcome.outcome.bridge.residual) == (FIRST_DAY, lines, Money(0, "CNY"))
    # What nobody booked is another trade; of ours 1200.00 went back, and the bills say 200.00: both under the reference of the refund.
    assert sorted((b.source, b.kind, b.cls, (b.line or Money(0, "CNY")).minor) for b in found.breaks(book_id=shop.book_id)) == [
        ("channel_fund", "fee", "missing_here", -18),
        ("channel_fund", "payment", "missing_here", 2990),
        ("channel_fund", "refund", "amount_differs", -19880),
        ("channel_trade", "payment", "missing_here", 2990),
        ("channel_trade", "refund", "amount_differs", -20000),
    ]
    assert sent(shop, trade, "channel_trade").received == Received((by_trade.received.file,), True)  # type: ignore[union-attr]
    before = stored(shop)
    other = alipay(shop, "alipay_trade_detail_20261001.gbk.csv").replace(b"20880", b"20881")
    assert refusal(shop, other.replace(CHANNEL_NUMBER.encode(), ALIPAY.encode()), "channel_trade") == "foreign_account"
    assert refusal(shop, account, "channel_trade") == refusal(shop, trade) == "wrong_source"
    assert refusal(shop, alipay(shop, "alipay_trade_detail_20261001.gbk.csv")[:-200], "channel_trade") in ("truncated", "summary_missing")
    assert stored(shop) == before


class Unanswering(SandboxChannel):
    """It gives money back and does not say so before it is asked."""

    def refund(self, *, orders, now):  # type: ignore[no-untyped-def]
        return [replace(one, outcome="unknown", on=None) for one in super().refund(orders=orders, now=now)]


@pytest.mark.parametrize("from_rows", [1_000, 0], ids=["plainly", "by engine"])
def test_a_refund_that_alipay_calls_by_its_payment_meets_what_is_booked_a_day_later(shop: Shop, from_rows: int) -> None:
    shop.desk = replace(
        shop.desk, channel=Unanswering(shop.desk.book), matching=lambda: Matching(Choice(memory_mb=512), from_rows=from_rows)
    )
    got = shop.bought("6000.00")
    shop.repay(got.loan_id, amount="200.00")
    shop.next_day()
    repayment.poll(desk=shop.desk, now=shop.now(7))
    sent(shop, alipay(shop, "alipay_account_detail_20261001.gbk.csv"))
    (back,) = [b for b in found.breaks(book_id=shop.book_id) if b.kind == "refund"]
    assert (back.reference, back.cls) == (flow(shop, FIRST_DAY)[2].reference, "missing_here")
    on = shop.on
    shop.next_day()
    assert isinstance(sent(shop, reconciliation.fetch(desk=shop.desk, on=on)["channel_fund"], on=on).outcome, DayOutcome)
    after = found.breaks_by_id(book_id=shop.book_id, ids=[back.id])[back.id]
    assert (after.state, after.cls) == ("explained", "other_day")


def test_alipays_own_files_name_their_account(shop: Shop) -> None:
    """The samples as they are: another merchant's for a book, its own where the account is its."""
    for name in ("alipay_20880000000000010156_20261001.zip", "alipay_trade_detail_20261001.gbk.csv"):
        assert refusal(shop, (BILLS / name).read_bytes(), "channel_trade") == "foreign_account"
    file = FileIn("channel_trade", (BILLS / "alipay_20880000000000010156_20261001.zip").read_bytes())
    (outcome,) = reconciliation.reconcile(desk=shop.desk, now=shop.now(8), files=[file], accounts={"channel_trade": ALIPAY})
    assert isinstance(outcome.outcome, DayOutcome), outcome
    assert {(b.kind, b.cls) for b in found.breaks(book_id=shop.book_id)} == {("payment", "missing_here"), ("refund", "missing_here")}
