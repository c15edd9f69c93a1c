"""Drafting, publishing and retiring products; keeping what was shown."""

from dataclasses import replace
from datetime import date

import psycopg
import pytest

from tests.people import person
from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused, RefusedError, one
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import commands as offers
from yuefu.offers import queries
from yuefu.offers.commands import DraftProduct, Publication
from yuefu.offers.rules.disclosure import faults
from yuefu.offers.rules.product import ProductTerms
from yuefu.offers.rules.quote import quote
from yuefu.runtime import approvals, policies, sql

ALICE, BOB = person("alice"), person("bob")
CAPS = {"CN": [{"from": "2026-01-01", "measure": "compound_irr", "max_pct": "24"}]}
PAID = ProductTerms(
    code="paid",
    name_zh="分期",
    name_en="Instalments",
    payer="consumer",
    annual_rate=Rate.parse_percent("14.4"),
    periods=(3, 6, 12),
    minimum=Money(10_000, "CNY"),
    maximum=Money(5_000_000, "CNY"),
    day_count=DayCount.ACT_365,
    min_gap_days=15,
    rule_version="2026-1",
    jurisdiction="CN",
    lender_zh="示范消费金融",
    lender_en="Example Consumer Finance",
    lender_licence="L0001",
)


def set_caps(work, caps=CAPS):
    with sql.transacting():
        policies.establish(work=work, name=offers.CAPS, value=caps, valid_from=date(2026, 1, 1))


def draft(work, terms=PAID, key="d1"):
    with sql.transacting():
        return offers.draft_products(work=work, products=[DraftProduct(key, terms)])[0]


def propose(work, product):
    with sql.transacting():
        return offers.propose_publications(work=work, publications=[Publication(product, "launch")])[0]


def decide(work, approval, approve=True):
    with sql.transacting():
        return offers.decide_publication(work=work, approval_id=approval, approve=approve, reason="read")


def publish(make_work, terms=PAID, key="d1"):
    product = draft(make_work(by=ALICE), terms, key)
    assert decide(make_work(by=BOB), propose(make_work(by=ALICE), product)) == product
    return queries.products(ids=[product])[product]


def shown(product, minor=199_900, on=date(2026, 10, 1)):
    found = quote(product=product, amount=Money(minor, "CNY"), periods=3, on=on)
    assert not isinstance(found, Refused)
    return found


def store(work, *quotes):
    with sql.transacting():
        return offers.store_disclosures(work=work, quotes=quotes)


def test_a_product_is_offered_once_a_second_person_has_approved_it(work, make_work):
    set_caps(work)
    product = draft(make_work(by=ALICE))
    assert queries.products(ids=[product])[product].terms == PAID
    approval = propose(make_work(by=ALICE), product)
    assert queries.published(book_id=work.book.id, codes=["paid"]) == {}
    assert decide(make_work(by=ALICE), approval).code == "same_person"
    assert decide(make_work(by=BOB), approval) == product
    assert queries.published(book_id=work.book.id, codes=["paid", "other"])["paid"].id == product


def test_a_rejected_product_stays_a_draft(work, make_work):
    set_caps(work)
    product = draft(make_work(by=ALICE))
    assert decide(make_work(by=BOB), propose(make_work(by=ALICE), product), approve=False) is None
    assert queries.products(ids=[product])[product].state == "draft"


def test_an_approval_of_something_else_publishes_nothing_and_stays_undecided(work, make_work):
    with sql.transacting():
        other = approvals.request(work=make_work(by=ALICE), action="x", object_kind="y", object_id=work.book.id, content={}, reason="z")
    with pytest.raises(RefusedError, match="not_a_publication"):
        decide(make_work(by=BOB), other)
    assert sql.value("SELECT state FROM runtime_approval WHERE id = %s", [other]) == "waiting"


@pytest.mark.parametrize(
    ("measure", "percent", "fits"),
    [
        ("compound_irr", "24.00", False),
        ("simple_irr", "23.99", False),
        ("simple_irr", "24.5", True),
        ("eu_apr", "24.5", False),
        ("eu_apr", "27.5", True),
        ("regz_nominal", "23.99", False),
        ("regz_nominal", "24.5", True),
    ],
)
def test_two_percent_a_month_fits_a_cap_or_not_by_its_measure(work, measure, percent, fits):
    set_caps(work, {"CN": [{"from": "2026-01-01", "measure": measure, "max_pct": percent}]})
    dear = replace(PAID, annual_rate=Rate.parse_percent("24"), day_count=DayCount.THIRTY_360, min_gap_days=28)
    outcome = propose(work, draft(work, dear))
    assert isinstance(outcome, Refused) != fits
    if not fits:
        assert outcome.code == "above_cap"


@pytest.mark.parametrize("caps", [{}, {"EU": CAPS["CN"]}, {"CN": [{"from": "2027-01-01", "measure": "compound_irr", "max_pct": "24"}]}])
def test_without_a_cap_in_force_nothing_is_published(work, caps):
    set_caps(work, caps)
    assert propose(work, draft(work)).code == "no_cap_known"


def test_a_book_without_the_setting_publishes_nothing(work):
    assert propose(work, draft(work)).code == "no_cap_known"


def test_a_cap_that_fell_in_between_stops_the_publication(work, make_work):
    set_caps(work, {"CN": [*CAPS["CN"], {"from": "2026-10-02", "measure": "compound_irr", "max_pct": "10"}]})
    approval = propose(make_work(by=ALICE), draft(make_work(by=ALICE)))
    with pytest.raises(RefusedError, match="above_cap"):
        decide(make_work(by=BOB, on=date(2026, 10, 2)), approval)
    assert queries.published(book_id=work.book.id, codes=["paid"]) == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "No Good"}, "code_invalid"),
        ({"lender_zh": ""}, "name_invalid"),
        ({"payer": "state"}, "payer_invalid"),
        ({"annual_rate": Rate(0)}, "rate_invalid"),
        ({"payer": "merchant"}, "rate_invalid"),
        ({"annual_rate": Rate(1_000_001)}, "rate_invalid"),
        ({"rule_version": "1999-1"}, "rule_version_unknown"),
        ({"periods": ()}, "periods_invalid"),
        ({"periods": (6, 3)}, "periods_invalid"),
        ({"periods": (1, 3)}, "periods_invalid"),
        ({"minimum": Money(10, "USD")}, "amounts_invalid"),
        ({"minimum": Money(11, "CNY")}, "amounts_invalid"),
        ({"maximum": Money(9_999, "CNY")}, "amounts_invalid"),
        ({"min_gap_days": 0}, "gap_invalid"),
    ],
)
def test_a_product_that_cannot_be_is_not_drafted(work, changes, code):
    assert draft(work, replace(PAID, **changes)).code == code


def test_a_new_price_is_a_new_version_and_the_latest_published_one_is_offered(work, make_work):
    set_caps(work)
    first = publish(make_work)
    second = publish(make_work, replace(PAID, annual_rate=Rate.parse_percent("12")), "d2")
    third = draft(work, PAID, "d3")
    assert [(p.version, p.state) for p in queries.versions(book_id=work.book.id)] == [(1, "published"), (2, "published"), (3, "draft")]
    assert queries.published(book_id=work.book.id, codes=["paid"])["paid"] == second
    assert draft(work, PAID, "d3") == third
    with sql.transacting():
        outcomes = offers.retire(work=work, product_ids=[second.id, second.id, third, work.book.id])
    assert [o.code if isinstance(o, Refused) else "ok" for o in outcomes] == [
        "ok",
        "not_allowed_from_state",
        "not_allowed_from_state",
        "unknown_product",
    ]
    assert queries.published(book_id=work.book.id, codes=["paid"])["paid"] == first


def test_a_product_is_lent_by_one_rule_version(work, make_work):
    set_caps(work)
    other = draft(work, replace(PAID, rule_version="2026-2"), "d1")
    publish(make_work, key="d2")
    assert draft(work, replace(PAID, rule_version="2026-2"), "d3") == Refused(
        "rule_version_changed", "paid is lent by rule version 2026-1: what is lent by 2026-2 needs a code of its own", "rule_version"
    )
    assert propose(work, other).code == "rule_version_changed"
    assert not isinstance(draft(work, replace(PAID, code="paid-2", rule_version="2026-2"), "d4"), Refused)
    with sql.transacting():
        assert offers.retire(work=work, product_ids=[queries.published(book_id=work.book.id, codes=["paid"])["paid"].id])
    assert draft(work, replace(PAID, rule_version="2026-2"), "d5").code == "rule_version_changed", "its loans go on"


def test_of_two_drafts_of_other_rules_one_is_published(work, make_work):
    set_caps(work)
    first, second = draft(make_work(by=ALICE)), draft(make_work(by=ALICE), replace(PAID, rule_version="2026-2"), "d2")
    asked = [propose(make_work(by=ALICE), product) for product in (first, second)]
    assert decide(make_work(by=BOB), asked[0]) == first
    with pytest.raises(RefusedError) as refused:
        decide(make_work(by=BOB), asked[1])
    assert refused.value.refused.code == "rule_version_changed"


@pytest.mark.parametrize(
    "change",
    [
        "annual_rate_ppm = 1",
        "name_zh = 'x'",
        "state = 'draft', approval_id = NULL, published_at = NULL",
        "maximum_minor = 99999999",
        "state = 'retired', retired_at = now(), annual_rate_ppm = 1",
    ],
)
def test_the_database_lets_no_published_product_change(work, make_work, as_role, change):
    set_caps(work)
    product = publish(make_work)
    for alias in ("default", "owner"):
        with pytest.raises(psycopg.errors.CheckViolation), as_role(alias) as connection:
            connection.execute(f"UPDATE offers_product SET {change} WHERE id = %s", [product.id])


def test_the_database_lets_no_product_begin_published_nor_be_removed(work, as_role):
    product = draft(work)
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute(
            'INSERT INTO offers_product SELECT (json_populate_record(p, \'{"id": "00000000-0000-7000-8000-000000000009", "version": 9,'
            ' "state": "published"}\')).* FROM offers_product p WHERE id = %s',
            [product],
        )
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute("UPDATE offers_product SET state = 'published', published_at = now() WHERE id = %s", [product])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
        writer.execute("DELETE FROM offers_product WHERE id = %s", [product])


def test_only_what_was_approved_goes_on_offer_and_as_it_was_read(work, make_work, as_role):
    """Without the trigger an approval of anything would do, and a draft could be rewritten while it waits."""
    set_caps(work)
    product, other = draft(make_work(by=ALICE)), draft(make_work(by=ALICE), replace(PAID, code="other"), "d2")
    approval, waiting, elsewhere = (propose(make_work(by=ALICE), each) for each in (product, product, other))
    with sql.transacting():
        foreign = approvals.request(
            work=make_work(by=ALICE), action="setting.change", object_kind="product", object_id=product, content={}, reason="z"
        )
        for each in (approval, elsewhere, foreign):
            approvals.decide(work=make_work(by=BOB), approval_id=each, approve=True, reason="read")
    writer = as_role("default")

    def refusal(by, **changed):
        values = {"state": "published", "published_at": "2026-10-01T00:00:00+00", "approval_id": str(by), **changed}
        try:
            with writer.transaction(force_rollback=True):
                writer.execute(
                    f"UPDATE offers_product SET ({', '.join(values)}) = ROW ({', '.join(['%s'] * len(values))}) WHERE id = %s",
                    [*values.values(), product],
                )
        except psycopg.errors.IntegrityError as error:
            return error.diag.constraint_name or error.diag.message_primary
        return "taken"

    not_approved = "product paid version 1 was not approved as it stands"
    assert refusal(approval) == "taken"
    assert {refusal(each) for each in (waiting, elsewhere, foreign, product)} == {not_approved}
    rewritten = {
        "annual_rate_ppm": 240_000, "maximum_minor": 9_000_000, "minimum_minor": 1, "periods": "[3]", "name_en": "x", "name_zh": "x",
        "lender_zh": "x", "lender_en": "x", "lender_licence": "x", "jurisdiction": "US", "rule_version": "x", "min_gap_days": 1,
        "day_count": "thirty_360", "code": "x",
    }  # fmt: skip
    for name, value in rewritten.items():
        assert "was not approved as it stands" in refusal(approval, **{name: value}), name


def test_what_was_shown_is_kept_once_and_word_for_word(work, make_work):
    set_caps(work)
    product = publish(make_work)
    one_price, other = shown(product), shown(product, 299_900)
    first, second, again = store(work, one_price, other, one_price)
    assert first == again != second
    assert store(make_work(on=date(2026, 10, 2)), one_price) == [first]
    kept = queries.disclosures(ids=[first])[first]
    assert (kept.disclosure, kept.product_id, kept.first_shown_at) == (one_price.disclosure, product.id, work.now)
    assert faults(kept.disclosure.content) == []
    assert store(work) == []


def test_the_database_refuses_a_disclosure_whose_hash_is_not_its_own(work, make_work, as_role, ids):
    set_caps(work)
    product = publish(make_work)
    (kept,) = store(work, shown(product))
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute(
            "INSERT INTO offers_disclosure SELECT %s, book_id, product_id, sha256('x'), content, template_version, first_shown_at"
            " FROM offers_disclosure WHERE id = %s",
            [ids.new(work.now), kept],
        )
    for statement in ("UPDATE offers_disclosure SET content = '{}'", "DELETE FROM offers_disclosure"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
            writer.execute(statement)
    with pytest.raises(psycopg.errors.ForeignKeyViolation), as_role("default") as writer:
        writer.execute(
            "INSERT INTO offers_disclosure SELECT %s, gen_random_uuid(), product_id, hash, content, template_version, first_shown_at"
            " FROM offers_disclosure WHERE id = %s",
            [ids.new(work.now), kept],
        )


def test_staff_read_the_products_of_their_book_only(work, make_work):
    set_caps(work)
    product = publish(make_work)
    with sql.reading(book_id=work.book.id):
        assert list(queries.products(ids=[product.id])) == [product.id]
    with sql.reading(book_id=product.id):
        assert queries.products(ids=[product.id]) == {}


def test_a_key_drafts_once(work):
    assert draft(work) == draft(work)
    with pytest.raises(RefusedError, match="key_reused"):
        one([draft(work, replace(PAID, name_en="Other"))])
