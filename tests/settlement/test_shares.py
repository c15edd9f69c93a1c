"""Profit shares: who has what of a fee, what goes back, and what is paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.people import person
from tests.settlement.dealings import dealings
from tests.settlement.scene import DAY, PAY_DAY, accrue, capture, cny, proofs_hold, refund, settle
from tests.settlement.sharing import Others, new_payee, others, owed, register, sharing
from yuefu.errors import Refused, RefusedError
from yuefu.ledger import queries as ledger
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import StateChange, payees
from yuefu.merchants.rules.sharing import Receiver
from yuefu.payments import queries as payments
from yuefu.runtime import policies, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import CaptureAccrual, NewFreeze, SharePayment, ShareRelease
from yuefu.settlement.queries import shares as share_book
from yuefu.settlement.rules import Item, shares

Make = Callable[..., UUID]


@pytest.fixture
def of(work: UnitOfWork, vault: Vault) -> Others:
    return others(work, vault)


@pytest.fixture
def shop(make_merchant: Make, of: Others) -> UUID:
    """A fee of 10 % without tax, that is shared."""
    return make_merchant(fee_rate_ppm=100_000, sharing=sharing(of))


def sold(work: UnitOfWork, shop: UUID, of: Others, minor: int = 1_000_00) -> CaptureAccrual:
    asked = replace(capture(work, shop, minor=minor, periods=None), host_id=of.host)
    (item,) = accrue(work, asked)
    assert isinstance(item, Item)
    return asked


def parts(asked: CaptureAccrual) -> dict[tuple[str, int, str], int]:
    found = share_book.of_captures(capture_ids=[asked.capture_id]).get(asked.capture_id, [])
    return {(one.party, one.level, one.kind): one.amount.minor for one in found}


def fee_income(work: UnitOfWork) -> int:
    return sum(row.credit.minor - row.debit.minor for row in ledger.trial_balance(work.book.id) if row.code == "fee_income")


def test_a_fee_is_shared_as_the_contract_says_and_the_platform_has_what_is_left(work: UnitOfWork, shop: UUID, of: Others) -> None:
    asked = sold(work, shop, of)
    assert parts(asked) == {("host", 1, "earned"): 50_00, ("agent", 1, "earned"): 20_50, ("agent", 2, "earned"): 10_00}
    assert owed(work) == {"host": 50_00, "agent": 30_50}
    assert fee_income(work) == 100_00 - 80_50
    dear = sold(work, shop, of, 10_000_00)
    assert parts(dear)["host", 1, "earned"] == 80_00  # no more than its cap


def test_nobody_has_more_than_the_fee_in_the_order_of_the_contract(work: UnitOfWork, make_merchant: Make, of: Others) -> None:
    receivers = (Receiver("agent", 20_000, cny(50)), Receiver("host", 50_000, cny(0)))
    shop = make_merchant(fee_rate_ppm=100_000, sharing=sharing(of, receivers=receivers))
    assert parts(sold(work, shop, of, 6_00)) == {("agent", 1, "earned"): 60}  # 62 of a fee of 60
    assert owed(work) == {"agent": 60}
    assert fee_income(work) == 0


def test_tax_is_not_shared(work: UnitOfWork, make_merchant: Make, of: Others) -> None:
    receivers = (Receiver("host", 0, cny(999_00)),)
    shop = make_merchant(fee_rate_ppm=100_000, vat_ppm=60_000, sharing=sharing(of, receivers=receivers, agent_id=None))
    assert parts(sold(work, shop, of, 1_060_00)) == {("host", 1, "earned"): 100_00}


def test_who_is_not_there_has_no_part(work: UnitOfWork, shop: UUID, of: Others) -> None:
    asked = replace(capture(work, shop, minor=1_000_00, periods=None), host_id=None, funder_id=work.book.id)
    accrue(work, asked)
    assert parts(asked) == {("agent", 1, "earned"): 20_50, ("agent", 2, "earned"): 10_00}
    with sql.transacting():
        payees.end(work=work, payee_ids=[of.agent], reason="left")
    assert parts(sold(work, shop, of)) == {("host", 1, "earned"): 50_00, ("agent", 2, "earned"): 10_00}


def test_a_funder_that_is_not_the_platform_has_its_part(work: UnitOfWork, make_merchant: Make, of: Others) -> None:
    shop = make_merchant(fee_rate_ppm=100_000, sharing=sharing(of, receivers=(Receiver("funder", 30_000, cny(0)),), agent_id=None))
    asked = replace(capture(work, shop, minor=100_00, periods=None), funder_id=of.above)
    accrue(work, asked)
    assert parts(asked) == {("funder", 1, "earned"): 3_00}
    assert owed(work) == {"funder": 3_00}


def test_with_goods_a_part_goes_back_in_proportion_or_stays(work: UnitOfWork, shop: UUID, of: Others) -> None:
    asked = sold(work, shop, of)
    accrue(work, refund(work, asked, 333_33), refund(work, asked, 333_33))
    back = {place: minor for place, minor in parts(asked).items() if place[2] == "refunded"}
    assert set(back) == {("host", 1, "refunded"), ("agent", 1, "refunded")}  # that of the one above is kept
    accrue(work, refund(work, asked, 333_34))
    assert owed(work) == {"agent": 10_00}
    assert fee_income(work) == -10_00  # the fee is back with the merchant; the platform bears what is kept
    accrue(work, refund(work, asked, 1))  # there is nothing left to go back
    assert owed(work) == {"agent": 10_00}
    settle(work)
    assert proofs_hold(work, shop)


def test_a_capture_and_its_refund_may_come_at_once(work: UnitOfWork, shop: UUID, of: Others) -> None:
    asked = replace(capture(work, shop, minor=1_000_00, periods=None), host_id=of.host)
    accrue(work, asked, refund(work, asked, 500_00), refund(work, asked, 500_00))
    assert owed(work) == {"agent": 10_00}
    accrue(work, asked, refund(work, asked, 1))
    assert owed(work) == {"agent": 10_00}


def claw_back(work: UnitOfWork, *asked: CaptureAccrual) -> list[shares.Share]:
    with sql.transacting():
        return settlement.claw_back(work=work, capture_ids=[one.capture_id for one in asked])


def test_an_early_default_takes_back_what_the_contract_says_once(work: UnitOfWork, shop: UUID, of: Others) -> None:
    asked, other = sold(work, shop, of), sold(work, shop, of)
    accrue(work, refund(work, asked, 500_00))
    taken = claw_back(work, asked)
    assert {(one.party, one.level): one.amount.minor for one in taken} == {("host", 1): -25_00, ("agent", 1): -5_13, ("agent", 2): -10_00}
    assert claw_back(work, asked) == []
    assert parts(other) == {("host", 1, "earned"): 50_00, ("agent", 1, "earned"): 20_50, ("agent", 2, "earned"): 10_00}
    accrue(work, refund(work, asked, 500_00))  # of the agent's there are 5.12 left, of the host's nothing
    assert owed(work) == {"host": 50_00, "agent": 30_50}


def test_loans_are_at_risk_until_their_shares_were_taken_back(work: UnitOfWork, shop: UUID, of: Others) -> None:
    asked = sold(work, shop, of)

    def risks() -> list[share_book.AtRisk]:
        return share_book.at_risk(book_id=work.book.id, after=None, limit=10)

    assert asked.loan_id
    assert risks() == [share_book.AtRisk(asked.loan_id, asked.capture_id, 2, 30)]
    claw_back(work, asked)
    assert risks() == []


# ------------------------------------------------------------------------------------------------------------------------ what is paid


def build(work: UnitOfWork, on: date = PAY_DAY) -> dict[str, share_book.ShareBatch]:
    with sql.transacting():
        return {one.party + str(one.payee_id)[-2:]: one for one in settlement.build_shares(work=work, pay_on=on)}


def of_payee(built: dict[str, share_book.ShareBatch], payee_id: UUID) -> share_book.ShareBatch:
    (found,) = [one for one in built.values() if one.payee_id == payee_id]
    return found


def test_a_share_is_due_when_the_batch_of_the_merchant_has_the_sale_and_not_before(work: UnitOfWork, shop: UUID, of: Others) -> None:
    sold(work, shop, of)
    assert build(work, DAY) == {}
    settle(work)
    built = build(work)
    assert {one.payee_id: (one.state, one.totals.due.minor) for one in built.values()} == {
        of.host: ("due", 50_00),
        of.agent: ("due", 20_50),
        of.above: ("due", 10_00),
    }
    assert build(work) == {}
    assert owed(work) == {"host": 50_00, "agent": 30_50}
    lines = share_book.lines(batch_id=of_payee(built, of.host).id)
    assert [one.amount.minor for one in lines] == [50_00]


def test_nothing_is_due_of_a_sale_while_the_batch_of_the_merchant_with_it_is_held(
    work: UnitOfWork, shop: UUID, of: Others, make_merchant: Make
) -> None:
    change = [StateChange(shop, "suspended", "asked"), StateChange(shop, "active", "cleared")]
    other = make_merchant(fee_rate_ppm=100_000, sharing=sharing(of))
    asked = sold(work, shop, of)
    sold(work, other, of, 200_00)
    with sql.transacting():
        merchants.change_states(work=work, changes=change[:1])
    (held,) = [batch for batch in settle(work) if batch.state == "held"]
    assert of_payee(build(work), of.host).totals.due.minor == 10_00, "of the other merchant alone"
    accrue(work, refund(work, asked, 500_00))
    later = PAY_DAY + timedelta(days=1)
    assert build(work, later) == {}, "what goes back of it waits with it, and is nobody's debt"
    with sql.transacting():
        merchants.change_states(work=work, changes=change[1:])
        assert [o for o in settlement.schedule(work=work, batch_ids=[held.id]) if isinstance(o, Refused)] == []
    of_host = of_payee(build(work, later), of.host)
    assert (of_host.totals.earned.minor, of_host.totals.refunded.minor, of_host.totals.due.minor) == (50_00, 25_00, 25_00)


@pytest.fixture
def two(work: UnitOfWork, make_work: Callable[..., UnitOfWork]) -> Callable[..., object]:
    """`two(propose, decide)`: bob decides what was asked for."""

    def act(propose: Callable[[], object], decide: Callable[..., object]) -> object:
        with sql.transacting():
            asked = propose()
        assert isinstance(asked, UUID), asked
        with sql.transacting():
            return decide(work=make_work(by=person("bob")), approval_id=asked, approve=True, reason="seen")

    return act


def test_a_share_of_a_sale_that_is_frozen_waits_for_the_end_of_the_freeze(
    work: UnitOfWork, two: Callable[..., object], shop: UUID, of: Others
) -> None:
    """Frozen before its batch is built, and after a batch of the payee was built, asked for, or ordered."""
    wanted = NewFreeze(shop, None, PAY_DAY + timedelta(days=30), "asked by the police")

    def freeze() -> UUID:
        made = two(lambda: settlement.propose_freeze(work=work, wanted=wanted), settlement.decide_freeze)
        assert isinstance(made, UUID)
        return made

    def thaw(freeze_id: UUID) -> None:
        two(lambda: settlement.propose_unfreeze(work=work, freeze_id=freeze_id, reason="over"), settlement.decide_unfreeze)

    def propose(batch: share_book.ShareBatch) -> UUID | Refused:
        return settlement.propose_share_release(work=work, release=ShareRelease((batch.id,), "pay day"))

    def ask(batch: share_book.ShareBatch) -> UUID | Refused:
        with sql.transacting():
            return propose(batch)

    def waiting() -> list[UUID]:
        kept = share_book.with_sales_kept(batch_ids=payments.payees_waiting(book_id=work.book.id))
        return [p.batch_id for p in payments.payouts_to_send(book_id=work.book.id, limit=9, except_of=sorted(kept)) if p.payee_id]

    sold(work, shop, of)
    begun = freeze()
    settle(work)
    assert build(work) == {}
    thaw(begun)
    built = build(work)
    host, agent = of_payee(built, of.host), of_payee(built, of.agent)
    sold(work, shop, of)
    later = PAY_DAY + timedelta(days=1)
    settle(work, later)
    host_later = of_payee(build(work, later), of.host)
    two(lambda: propose(host_later), settlement.decide_share_release)
    before = ask(of_payee(build_of(work), of.agent))
    assert waiting() == [host_later.id]
    begun = freeze()
    assert waiting() == []
    with pytest.raises(RefusedError, match=shares.SALE_HELD):
        two(lambda: before, settlement.decide_share_release)
    assert isinstance(ask(host), UUID), "of the first sale nothing is frozen any more"
    assert isinstance(ask(agent), UUID)
    thaw(begun)
    assert waiting() == [host_later.id]


def build_of(work: UnitOfWork) -> dict[str, share_book.ShareBatch]:
    """The latest batch of each payee."""
    return {str(one.payee_id): one for one in reversed(share_book.batches(book_id=work.book.id))}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [((), "nothing_to_pay"), ((UUID(int=7),), "unknown_batch"), (tuple(UUID(int=n) for n in range(1001)), "too_many_batches")],
)
def test_what_cannot_be_released_is_not_asked_for(work: UnitOfWork, wanted: tuple[UUID, ...], code: str) -> None:
    with sql.transacting():
        refused = settlement.propose_share_release(work=work, release=ShareRelease(wanted, "r"))
    assert isinstance(refused, Refused)
    assert refused.code == code


def test_tax_of_persons_is_withheld_as_the_setting_says_and_owed_to_the_tax_office(
    work: UnitOfWork, make_work: Callable[..., UnitOfWork], shop: UUID, of: Others, vault: Vault, make_merchant: Make
) -> None:
    """20 % of hosts, nothing of agents, and nothing of companies: of 53.33 it is 10.67, half up."""
    identity = "91110000600037341L"
    (studio,) = register(
        work, vault, new_payee("studio", "host", form="company", identity=identity, account="6222000000001234", account_kind="corporate")
    )
    assert isinstance(studio, UUID)
    with sql.transacting():
        policies.establish(work=work, name=shares.WITHHOLDING, value={"agent": 0, "host": 200_000}, valid_from=work.day.on)
    sold(work, shop, of, 1_066_60)
    sold(work, shop, replace(of, host=studio), 1_066_60)
    settle(work)
    built = build(work)
    host = of_payee(built, of.host)
    assert (host.totals.due.minor, host.totals.withheld.minor, host.totals.pays.minor) == (53_33, 10_67, 42_66)
    assert {one.totals.withheld.minor for one in built.values() if one is not host} == {0}
    assert (owed(work)["host"], trial(work)["tax_withheld"]) == (42_66 + 53_33, -10_67)
    with sql.transacting():
        asked = settlement.propose_share_release(work=work, release=ShareRelease((host.id,), "pay day"))
        assert isinstance(asked, UUID)
        (ordered,) = settlement.decide_share_release(work=make_work(by=person("bob")), approval_id=asked, approve=True, reason="seen") or []  # type: ignore[misc]
    (payout,) = payments.payouts_of_batches(batch_ids=[host.id])[host.id]
    assert (ordered.state, payout.amount.minor) == ("scheduled", 42_66)


@pytest.mark.parametrize("value", [{}, {"agent": 0}, {"agent": 0, "host": 450_001}, {"agent": -1, "host": 0}, {"agent": 0, "host": 0.2}, 7])
def test_a_wrong_rate_of_withholding_never_becomes_a_setting(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        shares.withholding(value)


@given(due=st.integers(1, 10**12), ppm=st.integers(0, shares.MOST_WITHHELD))
def test_something_is_left_to_pay_whatever_is_withheld(due: int, ppm: int) -> None:
    figures = shares.totals({"earned": due}, opening=cny(0), withheld_ppm=ppm)
    assert 0 <= figures.withheld.minor < due


def test_what_goes_back_after_a_payment_is_carried_until_it_is_earned(
    work: UnitOfWork, shop: UUID, of: Others, next_day: Callable[[UnitOfWork], UnitOfWork]
) -> None:
    first = sold(work, shop, of)
    settle(work)
    build(work)
    claw_back(work, first)
    later = build(work, PAY_DAY + timedelta(days=1))
    carried = of_payee(later, of.host)
    assert (carried.state, carried.totals.due.minor, carried.totals.carried.minor) == ("accrued", 0, -50_00)
    sold(work, shop, of, 1_500_00)
    settle(work, PAY_DAY + timedelta(days=4))
    last = of_payee(build(work, PAY_DAY + timedelta(days=4)), of.host)
    assert (last.totals.opening.minor, last.totals.earned.minor, last.totals.due.minor) == (-50_00, 75_00, 25_00)
    assert owed(work)["host"] == 50_00 + 25_00  # the first batch was not paid


def test_a_second_person_says_that_a_batch_was_paid(work: UnitOfWork, make_work: Callable[..., UnitOfWork], shop: UUID, of: Others) -> None:
    sold(work, shop, of)
    settle(work)
    batch = of_payee(build(work), of.host)

    def ask(reference: str = "BK-77") -> UUID | Refused:
        with sql.transacting():
            (asked,) = settlement.propose_share_payments(work=work, payments=[SharePayment(batch.id, reference, "paid by the bank")])
        return asked

    refused = ask(" ")
    assert isinstance(refused, Refused)
    approval, twin = ask(), ask("BK-78")
    assert isinstance(approval, UUID)
    assert isinstance(twin, UUID)
    other = make_work(by=person("bob"))
    with sql.transacting():
        paid = settlement.decide_share_payment(work=other, approval_id=approval, approve=True, reason="seen")
    assert isinstance(paid, share_book.ShareBatch)
    assert (paid.state, paid.reference) == ("paid", "BK-77")
    assert owed(work) == {"agent": 30_50}
    with pytest.raises(RefusedError), sql.transacting():
        settlement.decide_share_payment(work=other, approval_id=twin, approve=True, reason="seen")
    assert isinstance(ask(), Refused)


COLUMNS = [
    "id",
    "book_id",
    "kind",
    "source_id",
    "merchant_id",
    "order_id",
    "capture_id",
    "loan_id",
    "party",
    "level",
    "payee_id",
    "amount_minor",
    "currency",
    "on_refund",
    "default_ppm",
    "early_periods",
    "early_days",
    "earned_on",
    "recorded_at",
]


@pytest.mark.parametrize(
    ("changed", "promise"),
    [
        ({"kind": "'refunded'", "amount_minor": "-amount_minor - 1"}, "settlement_share_within_fee"),
        ({"level": "3", "amount_minor": "5000"}, "settlement_share_within_fee"),
        ({"level": "3", "payee_id": "book_id", "amount_minor": "1"}, "settlement_share_names_merchants_payee"),
        ({"level": "3", "party": "'agent'", "amount_minor": "1"}, "settlement_share_names_merchants_payee"),
        ({"level": "3", "amount_minor": "1", "order_id": "id"}, "settlement_share_of_its_capture"),
        ({"amount_minor": "-1"}, "settlement_share_signs"),
        ({"level": "2", "amount_minor": "1", "source_id": "id"}, "settlement_share_signs"),
        ({"id": "id"}, "settlement_share_once"),
    ],
)
def test_the_tables_keep_shares_within_what_there_is(
    work: UnitOfWork,
    shop: UUID,
    of: Others,
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
    changed: dict[str, str],
    promise: str,
) -> None:
    asked = sold(work, shop, of)
    given = {column: column for column in COLUMNS} | {"id": "gen_random_uuid()", "recorded_at": "now()"} | changed
    if changed.get("kind"):
        given["source_id"] = "gen_random_uuid()"
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        as_role("default").execute(
            f"INSERT INTO settlement_share ({', '.join(given)}) SELECT {', '.join(given.values())} FROM settlement_share"
            " WHERE capture_id = %s AND party = 'host'",
            [asked.capture_id],
        )
    assert caught.value.diag.constraint_name in {promise, "settlement_share_pkey" if "id" in changed else promise}


def test_no_batch_is_paid_without_a_second_person(
    work: UnitOfWork, shop: UUID, of: Others, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    sold(work, shop, of)
    settle(work)
    batch = of_payee(build(work), of.host)
    for statement, error in [
        ("UPDATE settlement_share_batch SET state = 'paid', reference = 'x' WHERE id = %s", psycopg.errors.CheckViolation),
        ("UPDATE settlement_share_batch SET due_minor = 1 WHERE id = %s", psycopg.errors.InsufficientPrivilege),
        ("DELETE FROM settlement_share_line WHERE batch_id = %s", psycopg.errors.InsufficientPrivilege),
    ]:
        connection = as_role("default")
        with pytest.raises(error):
            connection.execute(statement, [batch.id])
        connection.rollback()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sell"), st.integers(1, 5_000_00)),
        st.tuples(st.sampled_from(["refund", "rejection", "charge_back"]), st.integers(1, 3_000_00)),
        st.tuples(st.just("default"), st.integers(0, 5)),
        st.tuples(st.just("settle"), st.integers(1, 3)),
    ),
    min_size=2,
    max_size=14,
)


@settings(max_examples=dealings(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS,
    rates=st.tuples(st.integers(0, 40_000), st.integers(0, 30_000), st.integers(1, 10_000)),
    vat_ppm=st.sampled_from([0, 60_000, 130_000]),
    fee_on_refund=st.sampled_from(["kept", "returned", "whole"]),
    on_refund=st.sampled_from(["kept", "returned"]),
)
def test_whatever_happens_all_parties_together_have_what_came_in(
    steps: list[tuple[str, int]],
    rates: tuple[int, int, int],
    vat_ppm: int,
    fee_on_refund: str,
    on_refund: str,
    work: UnitOfWork,
    make_merchant: Make,
    vault: Vault,
) -> None:
    """Of what was sold and not given back: merchant + platform + tax + agents + host, to the cent, whatever the contract and the order of things."""
    tag = str(work.ids.new(work.now))[-12:]
    above, agent, host = register(work, vault, new_payee(f"a{tag}"), new_payee(f"b{tag}", parent=f"a{tag}"), new_payee(f"c{tag}", "host"))
    assert isinstance(above, UUID)
    assert isinstance(agent, UUID)
    assert isinstance(host, UUID)
    receivers = (
        Receiver("host", rates[0], cny(1), on_refund=on_refund, default_ppm=700_000),
        Receiver("agent", rates[1], cny(7), cap=cny(9_00)),
        Receiver("agent", rates[2], cny(0), level=2, on_refund="kept"),
    )
    shop = make_merchant(
        fee_rate_ppm=100_000, vat_ppm=vat_ppm, fee_on_refund=fee_on_refund, fee_on=(("charge_back", "kept"), ("rejection", "whole")),
        sharing=sharing(Others(agent, above, host), receivers=receivers),
    )  # fmt: skip
    before = trial(work)
    gross, day, made, left = 0, last_pay_day(work), list[CaptureAccrual](), dict[UUID, int]()
    for step, number in steps:
        if step == "sell":
            asked = sold(work, shop, Others(agent, above, host), number)
            made.append(asked)
            left[asked.capture_id] = number
            gross += number
        elif step == "settle":
            day += timedelta(days=number)
            settle(work, day)
            build(work, day)
        elif made and step == "default":
            claw_back(work, made[number % len(made)])
        elif made:
            of = made[number % len(made)]
            back = min(number, left[of.capture_id])
            if back:
                accrue(work, replace(refund(work, of, back), event=step))
                left[of.capture_id] -= back
                gross -= back
        owed(work)
        after = trial(work)
        moved = {code: after[code] - before.get(code, 0) for code in after}
        assert sum(moved.values()) == 0
        assert moved.get("purchase_clearing", 0) == gross
        assert -sum(minor for code, minor in moved.items() if code != "purchase_clearing") == gross
    assert proofs_hold(work, shop)


def last_pay_day(work: UnitOfWork) -> date:
    """Days of a book go forward, also from one example to the next: each finds what the ones before left."""
    found: date = sql.value("SELECT coalesce(max(pay_on), %s) FROM settlement_share_batch WHERE book_id = %s", [PAY_DAY, work.book.id])
    return found


def trial(work: UnitOfWork) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in ledger.trial_balance(work.book.id):
        found[row.code] = found.get(row.code, 0) + row.debit.minor - row.credit.minor
    return found
