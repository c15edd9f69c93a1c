"""Instalments planned anew: after an event that changed what they have to repay, or when."""

from __future__ import annotations

from collections.abc import Callable

from yuefu.plans.lifecycle.levelling import level
from yuefu.plans.lifecycle.rows import NORMAL, Interest, Rows, close, project
from yuefu.plans.lifecycle.work import Work


def relevel(work: Work, first: int, change: int = 0) -> None:
    """New targets for the instalments from row `first` on. `change` is what they have to repay more (or less) than planned; with
    recalculation the balance says that itself."""
    if work.terms.recalculate:
        work.renew_interest()
        level(work.rows, work.interest, first, balance=work.balance, since=work.since, on=work.on)
        work.note_unpaid()
    else:
        _plan_anew(work, first, change, level)


def keep_targets(work: Work, first: int) -> None:
    """The instalments from row `first` on as they are, on other days: the last one takes what that costs more or less."""
    if work.terms.recalculate:
        work.renew_interest()
        work.refresh()
    else:
        _plan_anew(work, first, 0, _projected)


def settle_as_planned(work: Work, first: int) -> None:
    """Where interest stays as scheduled: that of the days so far, at the rate they had, into the rows from `first` on."""
    if work.terms.recalculate:
        return
    rows = work.rows
    ahead = rows.only(list(range(first, len(rows))))
    close(ahead, work.interest, balance=sum(ahead.principal), since=work.since, on=work.on)
    rows.closed[first:] = ahead.closed
    work.since = max(work.since, work.on)


def move_interest_home(work: Work) -> None:
    """Interest that was paid with an instalment to come, because the one it was borne in had no room for it, counts for that one before
    targets change."""
    rows = work.rows
    later = [k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.start[k] >= work.on and rows.interest_paid[k]]
    if not later or not work.terms.recalculate:
        return
    earlier = [k for k in range(later[0]) if rows.kind[k] == NORMAL]
    owed = [work.interest.minor(rows.closed[k]) - rows.interest_paid[k] - rows.interest_off[k] for k in earlier]
    elsewhere = -sum(min(each, 0) for each in owed)  # asked and paid with another of them, as after grace on interest
    for k, each in zip(earlier, owed, strict=True):
        covered = max(min(each, elsewhere), 0)
        elsewhere -= covered
        left = each - covered
        for other in later:
            moved = max(min(left, rows.interest_paid[other]), 0)
            rows.interest_paid[k], rows.interest_paid[other] = rows.interest_paid[k] + moved, rows.interest_paid[other] - moved
            rows.early[k], rows.early[other] = rows.early[k] + moved, rows.early[other] - moved
            left -= moved


def _projected(rows: Rows, interest: Interest, _: int, *, balance: int, since: int, on: int) -> None:
    project(rows, interest, balance=balance, since=since, on=on)


def _plan_anew(work: Work, first: int, change: int, plan: Callable[..., None]) -> None:
    """As if every row were paid when due. All instalments ahead are made anew, with more that is lent, also those that have been paid, which
    may open again; where less is to be repaid, what is still unpaid is spread over those that are open. What has been paid stays paid.
    Where nothing is owed there is nothing to plan."""
    if not work.balance and not change:
        return
    rows = work.rows
    which = [k for k in range(first, len(rows)) if rows.kind[k] == NORMAL and (change >= 0 or rows.unpaid(k) or not rows.held(k))]
    which = which or list(range(first, len(rows)))
    held = [0 if change >= 0 else rows.principal_paid[k] + rows.principal_off[k] for k in which]
    ahead = rows.only(which)
    ahead.principal = [rows.principal[k] - less for k, less in zip(which, held, strict=True)]
    for name in ("principal_paid", "interest_paid", "principal_off", "interest_off", "credited"):
        setattr(ahead, name, [0] * len(which))
    planned = sum(ahead.principal)
    if planned + change:
        close(ahead, work.interest, balance=planned, since=work.since, on=work.on)
        work.since = max(work.since, work.on)
        work.renew_interest()
        plan(ahead, work.interest, 0, balance=planned + change, since=work.since, on=work.on)
    else:
        ahead.principal, ahead.interest = [0] * len(which), [0] * len(which)
    for i, k in enumerate(which):
        settled = rows.interest_paid[k] + rows.interest_off[k]
        rows.closed[k] = ahead.closed[i]
        rows.principal[k] = max(ahead.principal[i] + held[i], rows.principal_paid[k] + rows.principal_off[k])
        rows.interest[k] = max(ahead.interest[i], settled)
    above = sum(rows.principal[k] for k in which) - sum(held) - planned - change
    for k in reversed(which):  # an instalment that had been paid more than it asks now leaves less to the others
        less = min(above, rows.unpaid_principal(k))
        rows.principal[k] -= less
        above -= less
        rows.emi[k] = rows.principal[k] + rows.interest[k]
