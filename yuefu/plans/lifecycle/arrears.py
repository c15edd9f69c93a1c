"""How late a loan is: by the loan and by each instalment, in days and in named buckets.

Days past due are counted from the day after the due day of the oldest unpaid instalment. A loan is delinquent once that is more than the
days of grace; days of delinquency are counted from the end of grace and stand still while they are paused. Instalments have buckets as soon
as the loan is delinquent, each by its own days past due less the paused days so far, all of them where it fell due during the pause: in
favour of who owes. A pause that was over by then counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu.frozen import made_quickly
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.terms import ArrearsTerms
from yuefu.plans.lifecycle.work import LoanState, Work


@dataclass(frozen=True, slots=True)
class OverdueInstalment:
    """An instalment of which something is unpaid after its due day; `bucket` "" where its days are in none."""

    due_on: date
    unpaid: Money
    days: int
    bucket: str


@dataclass(frozen=True, slots=True)
class Arrears:
    """`overdue` is all that is unpaid after its due day, `past_due_days` counts from the oldest of it. `delinquent_on` is the end of its days
    of grace, `days` the days of delinquency, `bucket` the loan's ("" for none), `instalments` those in a bucket of their own."""

    overdue: Money
    past_due_days: int
    delinquent_on: date | None
    days: int
    bucket: str
    instalments: tuple[OverdueInstalment, ...]

    def by_bucket(self) -> dict[str, Money]:
        """Unpaid amounts of the instalments, by bucket, in the order of the buckets."""
        found: dict[str, Money] = {}
        for instalment in sorted(self.instalments, key=lambda instalment: instalment.days):
            found[instalment.bucket] = found.get(instalment.bucket, Money.zero(instalment.unpaid.currency)) + instalment.unpaid
        return found


def arrears(state: LoanState, day: date) -> Arrears:
    """The arrears of a loan on `day`, from its state then (see `fold.as_of`)."""
    terms, currency, today = state.terms.arrears, state.terms.currency, day.toordinal()
    rows = state.rows()
    late = [(rows.due[k], rows.unpaid(k)) for k in range(len(rows)) if rows.due[k] < today and rows.unpaid(k) > 0]
    if not late:
        return Arrears(Money.zero(currency), 0, None, 0, "", ())
    oldest = min(due for due, _ in late)
    begins = oldest + terms.grace_days
    days = max(today - begins - paused_days(state.arrears_pauses, oldest, today), 0)
    bucket = bucket_of(terms, days)
    past = ((due, unpaid, today - due - paused_days(state.arrears_pauses, due, today)) for due, unpaid in late)
    instalments = (OverdueInstalment(date.fromordinal(due), Money(unpaid, currency), n, bucket_of(terms, n)) for due, unpaid, n in past)
    return Arrears(
        Money(sum(unpaid for _, unpaid in late), currency),
        today - oldest,
        date.fromordinal(begins),
        days,
        bucket,
        tuple(each for each in instalments if each.bucket) if days else (),
    )


@made_quickly
@dataclass(frozen=True, slots=True)
class Overdue:
    """What is unpaid after its due day, by part and in minor units: `since` the oldest due day of it, `bucket` the loan's. None and "" where
    nothing is."""

    since: date | None = None
    bucket: str = ""
    principal: int = 0
    interest: int = 0
    fees: int = 0
    penalties: int = 0


NOT_OVERDUE: Final = Overdue()


def overdue_of(work: Work) -> Overdue:
    """What of a loan is overdue on the day from which it was opened to be looked at."""
    rows, today = work.rows, work.on
    late = [k for k, (due, unpaid) in enumerate(zip(rows.due, work.all_unpaid(), strict=True)) if due < today and unpaid]
    if not late:
        return NOT_OVERDUE
    oldest = min(rows.due[k] for k in late)
    days = max(today - oldest - work.terms.arrears.grace_days - paused_days(work.arrears_pauses, oldest, today), 0)
    return Overdue(
        date.fromordinal(oldest),
        bucket_of(work.terms.arrears, days),
        sum(rows.unpaid_principal(k) for k in late),
        sum(rows.interest[k] - rows.interest_paid[k] - rows.interest_off[k] for k in late),
        sum(rows.fees[k] - rows.fees_paid[k] - rows.fees_off[k] for k in late),
        sum(rows.penalties[k] - rows.penalties_paid[k] - rows.penalties_off[k] for k in late),
    )


def next_bucket_on(work: Work) -> int:
    """The first day, as an ordinal, on which a loan may be in another bucket than today while nothing happens to it and nothing more falls due:
    the next one where a pause is not over yet, the last of all where it is not late."""
    rows, terms, today = work.rows, work.terms.arrears, work.on
    oldest = min((due for due, unpaid in zip(rows.due, work.all_unpaid(), strict=True) if due < today and unpaid), default=0)
    if not oldest:
        return date.max.toordinal()
    if any(last > today for _, last in work.arrears_pauses):
        return today + 1
    days = today - oldest - terms.grace_days - paused_days(work.arrears_pauses, oldest, today)
    edges = (
        edge for _, first, last in terms.buckets for edge in (first, date.max.toordinal() if last is None else last + 1) if edge > days
    )
    return min(today + min(edges, default=date.max.toordinal()) - days, date.max.toordinal())


def bucket_of(terms: ArrearsTerms, days: int) -> str:
    """The bucket that holds a number of days, "" where none does."""
    return next((name for name, first, last in terms.buckets if first <= days and (last is None or days <= last)), "")


def paused_days(pauses: tuple[tuple[int, int], ...], due: int, today: int) -> int:
    """Days of the pauses since `due`, and of the one it lies in, that have passed by `today`: the first day of a pause is not counted, its
    last one is."""
    return sum(min(last, today) - first for first, last in pauses if due < last and first < today)
