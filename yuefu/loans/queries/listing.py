"""Which loans of both rule versions there are, the newest first, by what is stored of them: found in keys, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.loans.queries import late_places
from yuefu.loans.queries.late_places import UNSETTLED
from yuefu.runtime import sql

STATES: Final = ("pending", "active", "overpaid", "closed", "written_off")
_UNPAID: Final = "i.principal_minor + i.interest_minor > i.principal_paid_minor + i.interest_paid_minor"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which loans: of a consumer, merchant, product, state; only those with something overdue (`late`), or with which a close could not go on
    (`set_aside`), those of which something falls due between two days and is unpaid. None is whatever it is."""

    consumer_id: UUID | None = None
    merchant_id: UUID | None = None
    product: str | None = None
    state: str | None = None
    late: bool = False
    due_from: date | None = None
    due_until: date | None = None
    set_aside: bool = False


def listed(book_id: UUID, wanted: Wanted, on: date, *, bucket: str | None = None, after: UUID | None, limit: int) -> list[UUID]:
    """Loans of a book, the newest first, those after one of them in that order. What is unpaid is so as it was last looked at; of those that are late,
    all that may be in a bucket.

    Each way to find them stops by itself after so many, so a page reads about as many rows as it shows: in the key of what is asked for, those that are
    late in the keys of late loans, backwards from the newest loan where nothing is.
    """
    params = late_places.known(book_id, on) | {
        "after": after, "limit": limit, "consumer": wanted.consumer_id, "merchant": wanted.merchant_id, "product": wanted.product,
        "state": wanted.state, "first": wanted.due_from or date.min, "until": wanted.due_until or date.max,
    }  # fmt: skip
    # What is unpaid of days that are over is late: found among those that are.
    late = wanted.late or params["until"] < on
    if late:
        params["until"] = min(params["until"], on - timedelta(days=1))
    chosen = None
    if bucket is not None:
        chosen = late_places.bucket_named(bucket, late_places.arrears_terms(book_id))
        if chosen is None:
            return []
        params |= {"bucket": chosen.name, "before": list(chosen.before), "edge": late_places.edge_of(chosen, on)}
    pages = [*_lived(wanted, chosen, params, late=late), *_levelled(wanted, params, late=late)]
    found = sql.rows(f"SELECT id FROM ({' UNION ALL '.join(pages)}) AS found ORDER BY id DESC LIMIT %(limit)s", params)
    return [row[0] for row in found]


def _lived(wanted: Wanted, bucket: late_places.Bucket | None, params: dict[str, Any], *, late: bool) -> Iterator[str]:
    where = "a.book_id = %(book)s" + _of(wanted, "a")
    state = " JOIN loans_checkpoint c ON c.loan_id = a.id AND c.book_id = a.book_id AND c.status = %(state)s" if wanted.state else ""
    due = f"d.due_on BETWEEN %(first)s AND %(until)s AND {UNSETTLED} > 0"
    ranged, own = wanted.due_from or wanted.due_until, f" AND EXISTS (SELECT FROM loans_due d WHERE d.loan_id = a.id AND {due} OFFSET 0)"
    if wanted.set_aside:
        where += " AND EXISTS (SELECT FROM loans_stretch s WHERE s.loan_id = a.id AND s.replaced_on = %(never)s AND s.stuck OFFSET 0)"
    if wanted.consumer_id:  # whose loans are few
        yield _page(f"SELECT a.id FROM loans_agreement a{state} WHERE {where}{own if late or ranged else ''}", "a.id")
    elif late or wanted.set_aside:
        found = [late_places.KEPT_ASIDE] if wanted.set_aside else late_places.may_be_late(bucket, params)
        for few in found:
            looked_up = (
                f"SELECT a.id FROM loans_agreement a{state} WHERE a.id = s.loan_id AND {where}{own if late or ranged else ''} OFFSET 0"
            )
            yield _page(f"SELECT a.id FROM ({_ordered(few)}) AS s CROSS JOIN LATERAL ({looked_up}) AS a WHERE true", "s.loan_id")
    else:
        of_all = f" AND a.id IN (SELECT d.loan_id FROM loans_due d WHERE d.book_id = %(book)s AND {due})" if ranged else ""
        yield _page(f"SELECT a.id FROM loans_agreement a{state} WHERE {where}{of_all}", "a.id")


def _ordered(few: str) -> str:
    """The few loans of a query in the order of the list, before anything is asked of each."""
    return f"SELECT s.loan_id FROM ({few}) AS s WHERE (%(after)s::uuid IS NULL OR s.loan_id < %(after)s) ORDER BY s.loan_id DESC OFFSET 0"


def _levelled(wanted: Wanted, params: dict[str, Any], *, late: bool) -> Iterator[str]:
    if wanted.set_aside or wanted.state not in (None, "active", "closed"):
        return
    where = "l.book_id = %(book)s" + _of(wanted, "l") + (" AND l.state = %(state)s" if wanted.state else "")
    if wanted.due_from or wanted.due_until:
        due = f"i.due_on BETWEEN %(first)s AND %(until)s AND {_UNPAID}"
        own = f"EXISTS (SELECT FROM loans_instalment i WHERE i.loan_id = l.id AND {due} OFFSET 0)"
        of_all = f"l.id IN (SELECT i.loan_id FROM loans_instalment i WHERE i.book_id = %(book)s AND {due})"
        where += f" AND l.state = 'active' AND {own if late else of_all}"
    if not late:
        yield _page(f"SELECT l.id FROM loans_loan l WHERE {where}", "l.id")
        return
    yield _page(f"SELECT l.id FROM loans_loan l WHERE {where} AND l.arrears_since < %(on)s", "l.id")
    if params["closing"]:
        yield _page(f"SELECT l.id FROM ({late_places.LEVELLED_FELL_DUE}) AS n JOIN loans_loan l ON l.id = n.loan_id WHERE {where}", "l.id")


def _of(wanted: Wanted, loan: str) -> str:
    columns = {"consumer_id": "consumer", "merchant_id": "merchant", "product": "product"}
    return "".join(f" AND {loan}.{column} = %({name})s" for column, name in columns.items() if getattr(wanted, column) is not None)


def _page(query: str, order: str) -> str:
    """The first so many of one way to find them, by itself."""
    return f"({query} AND (%(after)s::uuid IS NULL OR {order} < %(after)s) ORDER BY {order} DESC LIMIT %(limit)s)"
