"""How much of loans is collected, whatever version of the rules they were agreed by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Standing:
    """What of the principal of a loan is still to be paid, in minor units, and when something was last paid of it or taken off again, or
    was said never to have happened. What was written off is not to be paid any more."""

    principal: int
    changed_on: date | None


def standing(*, loan_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Loans as they stand now."""
    found = sql.rows(
        "SELECT l.id, (SELECT coalesce(sum(i.principal_minor - i.principal_paid_minor), 0)::bigint FROM loans_instalment AS i WHERE i.loan_id = l.id),"
        " (SELECT max(e.recorded_on) FROM loans_event AS e WHERE e.loan_id = l.id AND e.kind IN ('repaid', 'reversed'))"
        " FROM loans_loan AS l WHERE l.id = ANY(%(ids)s)"
        " UNION ALL SELECT c.loan_id,"
        " (SELECT coalesce(sum(d.principal_minor - d.principal_settled_minor), 0)::bigint FROM loans_due AS d WHERE d.loan_id = c.loan_id),"
        " greatest("
        "(SELECT max(a.recorded_on) FROM loans_applied AS a WHERE a.loan_id = c.loan_id AND a.kind IN ('repaid', 'reversed', 'charged_back')),"
        " (SELECT max(f.recorded_on) FROM loans_fact AS f WHERE f.loan_id = c.loan_id AND f.undoes_no IS NOT NULL))"
        " FROM loans_checkpoint AS c WHERE c.loan_id = ANY(%(ids)s)",
        {"ids": list(loan_ids)},
    )
    return {loan_id: Standing(*of_it) for loan_id, *of_it in found}


def taken_off_since(*, book_id: UUID, since: date) -> list[UUID]:
    """The captures of loans of which a payment was taken off again from a day on, or something undone (a write-off too), in the order of ids."""
    found = sql.rows(
        "SELECT DISTINCT capture_id FROM ("
        "SELECT l.capture_id FROM loans_event AS e JOIN loans_loan AS l ON l.id = e.loan_id"
        " WHERE e.book_id = %(book)s AND e.recorded_on >= %(since)s AND e.kind = 'reversed'"
        " UNION ALL SELECT g.capture_id FROM loans_applied AS a JOIN loans_agreement AS g ON g.id = a.loan_id"
        " WHERE a.book_id = %(book)s AND a.recorded_on >= %(since)s AND a.kind IN ('reversed', 'charged_back')"
        " UNION ALL SELECT g.capture_id FROM loans_fact AS f JOIN loans_agreement AS g ON g.id = f.loan_id"
        " WHERE f.book_id = %(book)s AND f.recorded_on >= %(since)s AND f.undoes_no IS NOT NULL) AS taken"
        " WHERE capture_id IS NOT NULL ORDER BY 1",
        {"book": book_id, "since": since},
    )
    return [row[0] for row in found]
