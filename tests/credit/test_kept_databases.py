"""Credit accounts that were kept from before get a history of their days, and the cycle that runs."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from tests.kept import kept_database, migrate
from yuefu.credit import rules
from yuefu.credit.rules import DaysStep

KEPT = (
    "INSERT INTO runtime_book (id, code, legal_entity, mode, currency, zone, calendar, cut_off, created_at)"
    " VALUES (%(book)s, 'kept', 'L', 'live', 'CNY', 'Asia/Shanghai', 'CN', '00:00', now())",
    "INSERT INTO runtime_business_day (book_id, on_date, state, opened_at) VALUES (%(book)s, %(today)s, 'open', now())",
    "INSERT INTO consumers_consumer (id, book_id, external_ref, name_sealed, phone_sealed, phone_index, id_number_sealed, id_number_index,"
    " birth_on_sealed, is_student, state, created_at)"
    " VALUES (%(consumer)s, %(book)s, 'c', '', '', '', '', '', '', false, 'active', now())",
    "INSERT INTO credit_account (id, book_id, consumer_id, currency, limit_minor, bill_day, repayment_day, state, policy_version, opened_at,"
    " revision) VALUES (%(account)s, %(book)s, %(consumer)s, 'CNY', 1, 15, 25, 'active', 1, %(opened)s, 1)",
)


@pytest.mark.parametrize(
    ("opened_at", "today", "cycle"),
    [
        ("2026-10-11 16:30+00", date(2026, 10, 12), (date(2026, 10, 12), date(2026, 10, 15))),
        ("2026-03-02 04:00+00", date(2026, 10, 14), (date(2026, 9, 15), date(2026, 10, 15))),
        ("2026-03-02 04:00+00", date(2026, 10, 15), (date(2026, 10, 15), date(2026, 11, 15))),
        ("2026-10-15 04:00+00", date(2026, 12, 31), (date(2026, 12, 15), date(2027, 1, 15))),
    ],
)
def test_an_account_of_before_goes_on_with_its_days_and_is_billed_on_the_next_bill_day(opened_at, today, cycle):
    with kept_database([("credit", "0003_stays")]) as owner:
        known = {name: uuid4() for name in ("book", "consumer", "account")} | {"opened": opened_at, "today": today}
        for statement in KEPT:
            owner.execute(statement, known)
        migrate([("credit", "0004_cycles")])
        assert owner.execute("SELECT cycle_from, next_bill_on FROM credit_account").fetchall() == [cycle]
        ((seq, reasons, *days),) = owner.execute("SELECT seq, reasons, from_on, bill_day, repayment_day FROM credit_days_change").fetchall()
        assert (seq, reasons) == (1, ["account_opened"])
        first, step = next(rules.cycles([DaysStep(*days)])), DaysStep(*days)
        assert first.period.start == step.from_on <= today
        running = rules.running([step], today)
        assert (running.period.start, running.bill_on) == cycle, "a cycle of those that follow from its history"
