"""All rows that tell of loans and their books, as texts by table: two books to which the same happened have the same ones.

Left out of a row is only what says when, by whom and in which order it was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from yuefu.runtime import sql

Tables = Mapping[str, Sequence[str]]

_ACCOUNT: Final = "concat_ws('/', a.code, a.owner_id, a.funder_id, a.product, l.currency)"
_LATE: Final = "jsonb_build_array(late_since, bucket, principal_minor, interest_minor, fees_minor, penalties_minor)"
_NEWS: Final = ("loan.overdue", "loan.bucket_changed", "loan.cured")

_TABLES: Final = {
    "loans_agreement": "SELECT to_jsonb(r) FROM loans_agreement r",
    "loans_portfolio": "SELECT to_jsonb(r) FROM loans_portfolio r",
    "loans_checkpoint": "SELECT to_jsonb(r) FROM loans_checkpoint r",
    # `told` counts the events of a loan: see runtime_outbox.
    "loans_stretch": "SELECT to_jsonb(r) - 'told' - 'due_told_on' FROM loans_stretch r",
    "loans_due": "SELECT to_jsonb(r) FROM loans_due r",
    # A row that says the same as the one before it says nothing: what had made it another was taken back on the same day.
    "loans_lateness": f"SELECT to_jsonb(r) - 'before' FROM (SELECT l.*, lag({_LATE}) OVER (PARTITION BY loan_id ORDER BY \"on\") AS before"
    f" FROM loans_lateness l) AS r WHERE {_LATE} IS DISTINCT FROM coalesce(before, '[null, \"\", 0, 0, 0, 0]')",
    # A payment that is sent again after a kill is recorded under another id and at another moment, of the same day.
    "loans_fact": "SELECT to_jsonb(r) - ARRAY['id', 'recorded_at'] FROM loans_fact r",
    # In which chunk a loan was taken depends on which loans had ended when they were divided; what they come to does not.
    "loans_stand": 'SELECT jsonb_build_array("on", portfolio_no, sum(loans), sum(loan_principal), sum(loan_interest), sum(loan_fees),'
    " sum(loan_penalties), sum(loan_allowance), sum(consumer_balance), sum(unearned_discount)) FROM loans_stand r"
    ' GROUP BY "on", portfolio_no',
    "loans_brought": 'SELECT jsonb_build_array("on", portfolio_no, kind, part.loan_id, sum(part.minor)) FROM loans_brought r'
    ' CROSS JOIN LATERAL unnest(loan_ids, minors) AS part (loan_id, minor) GROUP BY "on", portfolio_no, kind, part.loan_id',
    "loans_brought by portfolio": 'SELECT jsonb_build_array("on", portfolio_no, kind, sum(minor)) FROM loans_brought r'
    ' GROUP BY "on", portfolio_no, kind',
    # An entry is told by its lines: ids, moments and the run that posted it are of this book alone. Who posted what on which day is not left out:
    # what is entered on the next day moves a loan from where the close leaves it, whether that was done by then or not.
    "ledger_entry": "SELECT jsonb_build_array(e.posted_on, e.effective_on, e.kind,"
    f" (SELECT array_agg(concat_ws('/', {_ACCOUNT}, l.loan_id, l.movement, l.amount_minor) ORDER BY {_ACCOUNT}, l.loan_id, l.amount_minor)"
    "  FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id WHERE l.posted_on = e.posted_on AND l.entry_id = e.id))"
    " FROM ledger_entry e",
    "ledger by account and day": f"SELECT jsonb_build_array(l.posted_on, {_ACCOUNT}, sum(l.amount_minor))"
    f" FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id GROUP BY l.posted_on, {_ACCOUNT}",
    "runtime_business_day": "SELECT jsonb_build_array(on_date, state) FROM runtime_business_day",
    "runtime_quarantine": "SELECT jsonb_build_array(command, request, state) FROM runtime_quarantine",
    # Events of loans that were paid while days closed are in the next one.
    "runtime_outbox": "SELECT jsonb_build_array(type, object_id, seq, snapshot, changed) FROM runtime_outbox"
    " WHERE object_kind = 'loan' AND NOT object_id = ANY(%(paid)s)",
    # A loan that is paid before the day that has ended comes to it is never told of as late on that day: it has been paid. So which of these events
    # it has, and the numbers after them, follow the order in which the two met. All others are the same.
    "runtime_outbox of loans that were paid": "SELECT jsonb_build_array(type, object_id, snapshot, changed) FROM runtime_outbox"
    " WHERE object_kind = 'loan' AND object_id = ANY(%(paid)s) AND NOT type = ANY(%(news)s)",
}
_UNNUMBERED: Final = "events that are not counted from 1, each once"
_NUMBERING: Final = (
    "SELECT o.object_id::text FROM runtime_outbox o JOIN loans_stretch s ON s.loan_id = o.object_id WHERE o.object_kind = 'loan'"
    " GROUP BY o.object_id, s.told HAVING count(*) <> s.told OR max(o.seq) <> s.told OR count(DISTINCT o.seq) <> s.told"
)


def tables(paid: Collection[UUID]) -> Tables:
    """The rows of each table, in the only book there is; `paid` are loans that were paid while days closed."""
    with sql.snapshot():
        found = {
            name: [str(row[0]) for row in sql.rows(f"SELECT r::text FROM ({query}) AS t (r)", {"paid": list(paid), "news": list(_NEWS)})]
            for name, query in _TABLES.items()
        }
        found[_UNNUMBERED] = [row[0] for row in sql.rows(_NUMBERING)]
    return found


def differing(right: Tables, there: Tables) -> dict[str, list[str]]:
    """Rows that only one of two books has, by table: `+` where that is the second."""
    found: dict[str, list[str]] = {}
    for name in right.keys() | there.keys():
        one, other = Counter(right.get(name, ())), Counter(there.get(name, ()))
        rows = [f"- {row}" for row in (one - other).elements()] + [f"+ {row}" for row in (other - one).elements()]
        if rows:
            found[name] = sorted(rows, key=lambda row: row[2:])
    if unnumbered := [*right.get(_UNNUMBERED, ()), *there.get(_UNNUMBERED, ())]:
        found[_UNNUMBERED] = unnumbered
    return found
