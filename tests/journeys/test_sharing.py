"""What is sold live is shared: by whom it was sold and who brought the merchant, due with the merchant's batch, taken back when the loan defaults early."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from stdnum.cn import uscc

from tests.journeys.conftest import LATE_DAY, Shop, shop_opened
from tests.settlement.sharing import new_payee
from yuefu.errors import Refused, one
from yuefu.ids import IdSource
from yuefu.journeys import checkout, settings, settlement, sharing
from yuefu.journeys.checkout import Authorised, Purchase
from yuefu.journeys.checkout.quoting import Wish
from yuefu.journeys.desk import open_day
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loans
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import NewMerchant, payees
from yuefu.merchants.rules import ContractTerms, FeeRule
from yuefu.merchants.rules.sharing import BANDS, DEFAULT_BANDS, ProfitShare, Receiver
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.runtime.vault import Vault
from yuefu.settlement import queries as statements
from yuefu.settlement.queries import shares as share_book
from yuefu.settlement.queries.shares import AtRisk

CNY = Money.zero("CNY")


@pytest.fixture(params=["2026-1", "2026-2"])
def live_shop(request: pytest.FixtureRequest, vault: Vault, ids: IdSource) -> Shop:
    """One that lends by either rule version, with a third merchant that sells live: 8 % of a sale, 5 % of it the host's, 1 % the agent's. An instalment
    of the first two that is ten days late takes all of it back."""
    return live_shop_of(shop_opened(vault, ids, LATE_DAY, version=request.param), vault)


def live_shop_of(shop: Shop, vault: Vault, *, host_account: str = "6217000000000077") -> Shop:
    """A shop with a third merchant that sells live."""
    with open_day(shop.desk, shop.now(9)) as work:
        assert not isinstance(work, Refused)
        agent, _, _ = payees.register(
            work=work,
            vault=vault,
            new=[new_payee("harbour"), new_payee("lin", "host", account=host_account), new_payee("wei", "host")],
        )
        assert isinstance(agent, UUID)
        receivers = (Receiver("host", 50_000, CNY), Receiver("agent", 10_000, CNY, default_ppm=500_000))
        body = "91110000MA0000003"
        terms = ContractTerms(
            *(work.day.on, 80_000, 1, "live", ((3, 18_000),), "returned", Money(50_000_00, "CNY")),
            fees=(FeeRule(90_000, CNY, category="shoes"),),
            sharing=ProfitShare(receivers, agent, early_periods=2, early_days=10),
        )
        new = NewMerchant(
            "m3", "shop-3", "三号店", "Shop 3", body + uscc.calc_check_digit(body), "apparel", "6222000000000009", "corporate", terms
        )
        made = one(merchants.onboard(work=work, vault=vault, merchants=[new]))
    return replace(shop, merchants=(*shop.merchants, made))


def ordered(shop: Shop, *, channel: str = "live", host: str = "lin") -> Authorised | Refused:
    consumer_id, amount = shop.consumer(), Money.parse("600.00", "CNY")
    (quoted,) = checkout.quote(desk=shop.desk, now=shop.now(), wishes=[Wish(shop.merchants[2], consumer_id, "free", amount, 3)])
    assert not isinstance(quoted, Refused), quoted
    number = next(shop._count)
    purchase = Purchase(f"p{number}", shop.merchants[2], f"LIVE-{number}", consumer_id, quoted.quote_id, channel, host=host)
    (outcome,) = checkout.authorise(desk=shop.desk, now=shop.now(), purchases=[purchase])
    assert isinstance(outcome, Authorised | Refused)
    return outcome


def sold(shop: Shop, **given: str) -> UUID:
    outcome = ordered(shop, **given)
    assert isinstance(outcome, Authorised), outcome
    return shop.capture(outcome.order_id).capture_id


def owed(shop: Shop) -> dict[str, int]:
    codes = ["host_share", "agent_share"]
    return {code: -minor for (code, *_), minor in ledger.totals(shop.book_id, codes).items()}


def test_what_is_sold_live_is_due_when_the_batch_of_the_merchant_has_it(live_shop: Shop) -> None:
    sold(live_shop)
    sold(live_shop, channel="online", host="")
    assert owed(live_shop) == {"host_share": 30_00, "agent_share": 12_00}
    live_shop.settle()
    assert share_book.batches(book_id=live_shop.book_id) == []
    live_shop.next_day()
    live_shop.settle()
    found = share_book.batches(book_id=live_shop.book_id)
    assert {(one.party, one.totals.due.minor, one.state, one.pay_on) for one in found} == {
        ("host", 30_00, "due", live_shop.on),
        ("agent", 12_00, "due", live_shop.on),
    }
    live_shop.settle()
    assert share_book.batches(book_id=live_shop.book_id) == found
    live_shop.prove()


@pytest.mark.parametrize("wrong", [{"host": "nobody"}, {"host": "harbour"}, {"channel": "online"}, {"host": "wei"}])
def test_only_an_active_host_sells_live(live_shop: Shop, wrong: dict[str, str]) -> None:
    with open_day(live_shop.desk, live_shop.now()) as work:
        assert not isinstance(work, Refused)
        assert not isinstance(
            payees.end(work=work, payee_ids=[payees.queries.by_code(book_id=work.book.id)["wei"].id], reason="left")[0], Refused
        )
    refused = ordered(live_shop, **wrong)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == ("unknown_host", "host")


def test_an_order_remembers_who_sold_it(live_shop: Shop) -> None:
    outcome = ordered(live_shop)
    assert isinstance(outcome, Authorised)
    assert orders.orders([outcome.order_id])[outcome.order_id].host_id == payees.queries.by_code(book_id=live_shop.book_id)["lin"].id


def test_a_loan_that_defaults_early_takes_the_shares_back_and_a_good_one_does_not(live_shop: Shop) -> None:
    sold(live_shop)
    kept = ordered(live_shop)
    assert isinstance(kept, Authorised)
    good = live_shop.capture(kept.order_id)
    live_shop.until(date(2026, 10, 25))
    live_shop.repay(good.loan_id)
    live_shop.until(date(2026, 11, 3))
    assert not isinstance(settlement.settle(desk=live_shop.desk, now=live_shop.now(9)), Refused)
    assert owed(live_shop) == {"host_share": 60_00, "agent_share": 12_00}
    live_shop.next_day()  # the tenth day after the 25th
    live_shop.settle()
    assert owed(live_shop) == {"host_share": 30_00, "agent_share": 9_00}
    live_shop.settle()
    assert owed(live_shop) == {"host_share": 30_00, "agent_share": 9_00}
    last = {one.party: one for one in share_book.batches(book_id=live_shop.book_id, limit=2)}
    assert {party: (one.state, one.totals.carried.minor) for party, one in last.items()} == {
        "host": ("accrued", -30_00),
        "agent": ("accrued", -3_00),
    }
    live_shop.prove()


def test_what_a_sale_costs_depends_on_its_category(live_shop: Shop) -> None:
    """The order remembers it from when it is placed until it is captured."""
    consumer_id = live_shop.consumer()
    wish = Wish(live_shop.merchants[2], consumer_id, "free", Money.parse("600.00", "CNY"), 3)
    (quoted,) = checkout.quote(desk=live_shop.desk, now=live_shop.now(), wishes=[wish])
    assert not isinstance(quoted, Refused)
    purchase = Purchase("cat", live_shop.merchants[2], "CAT-1", consumer_id, quoted.quote_id, category="x y")
    (refused,) = checkout.authorise(desk=live_shop.desk, now=live_shop.now(), purchases=[purchase])
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == ("category_invalid", "category")
    (done,) = checkout.authorise(desk=live_shop.desk, now=live_shop.now(), purchases=[replace(purchase, category="shoes")])
    assert isinstance(done, Authorised)
    live_shop.capture(done.order_id)
    (settled,) = statements.of_orders(order_ids=[done.order_id])[done.order_id]
    assert settled.item.fee == Money.parse("54.00", "CNY")


def at_risk(shop: Shop) -> int:
    return len(share_book.at_risk(book_id=shop.book_id, after=None, limit=100))


def test_loans_at_risk_are_gone_through_once_a_run_by_chunks_and_a_run_that_broke_off_goes_on(
    live_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        sold(live_shop)
    live_shop.until(date(2026, 11, 4))
    monkeypatch.setattr(sharing, "CHUNK", 2)
    asked = list[int]()
    whole = share_book.at_risk

    def counted(**given: Any) -> list[AtRisk]:
        if len(asked) == 1 and given["after"]:
            asked.append(0)
            raise ConnectionError("broke off")
        found = whole(**given)
        asked.append(len(found))
        return found

    monkeypatch.setattr(share_book, "at_risk", counted)
    with pytest.raises(ConnectionError):
        live_shop.settle()
    assert owed(live_shop) == {"host_share": 30_00, "agent_share": 12_00}
    assert share_book.batches(book_id=live_shop.book_id) == [], "they wait for what goes back"
    live_shop.settle()
    assert owed(live_shop) == {"host_share": 0, "agent_share": 9_00}
    live_shop.settle()
    assert asked == [2, 0, 1]
    assert at_risk(live_shop) == 0
    live_shop.prove()


def test_a_loan_is_looked_at_until_its_own_first_instalments_lie_behind_it(live_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """However late the first of them is due: no bound is put to that."""
    sold(live_shop)
    sold(live_shop)
    one, other = (found.loan_id for found in share_book.at_risk(book_id=live_shop.book_id, after=None, limit=9))
    days = (date(2026, 10, 25), date(2026, 11, 4), date(2026, 11, 5), date(2026, 12, 5), date(2026, 12, 6))
    with open_day(live_shop.desk, live_shop.now()) as work:
        assert not isinstance(work, Refused)
        found = [loans.early_past(live_shop.book_id, [(one, 2, 10), (other, 1, 10)], on) for on in days]
    assert found == [set(), set(), {other}, {other}, {one, other}]
    live_shop.settle()
    assert at_risk(live_shop) == 2
    live_shop.next_day()
    monkeypatch.setattr(sharing, "UNDONE_WITHIN", -60)
    live_shop.settle()
    assert (at_risk(live_shop), owed(live_shop)) == (0, {"host_share": 60_00, "agent_share": 12_00})


def test_bands_are_a_setting_that_a_wrong_value_never_becomes(live_shop: Shop) -> None:
    with open_day(live_shop.desk, live_shop.now()) as work:
        assert not isinstance(work, Refused)
        for value in (
            {},
            {**DEFAULT_BANDS, "other": [1]},
            {**DEFAULT_BANDS, "agent_depth": 9},
            {**DEFAULT_BANDS, "bands": {"home": [2, 1]}},
            7,
        ):
            refused = settings.propose(work=work, name=BANDS, value=value, valid_from=work.day.on, reason="r")
            assert isinstance(refused, Refused)
            assert refused.code == settings.SETTING_INVALID
        assert isinstance(settings.propose(work=work, name=BANDS, value=DEFAULT_BANDS, valid_from=work.day.on, reason="r"), UUID)
