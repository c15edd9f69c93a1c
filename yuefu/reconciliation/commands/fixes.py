"""Fixes of breaks: asked for, decided by a second person where much is moved, and carried out once. What posts does so on the open day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError, one
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey
from yuefu.payments import queries as payments
from yuefu.payments.entries import COMPONENTS
from yuefu.reconciliation import entries, queries
from yuefu.reconciliation.commands.breaks import UNKNOWN_BREAK, store
from yuefu.reconciliation.commands.events import Became, tell_breaks, tell_fixes
from yuefu.reconciliation.commands.history import Happened, tell
from yuefu.reconciliation.queries import MONEY_ACCOUNT, Break, Fix
from yuefu.reconciliation.rules import fixes as rules
from yuefu.reconciliation.rules.breaks import Working
from yuefu.reconciliation.rules.fixes import BOOKED, OUTSIDE, Case, Kind
from yuefu.runtime import approvals, audit, keys, sql
from yuefu.runtime.values import Actor, UnitOfWork

FIX: Final = "break.fix"
"""The action of an approval of a fix, whose object it is; the table compares kind and amount."""
FIX_REASON_MISSING: Final = "reason_missing"

_ENDS_AS: Final = {
    Kind.POST_FEE: "corrected",
    Kind.WRITE_OFF: "corrected",
    Kind.POST_REPAYMENT: "corrected",
    Kind.CONFIRM: "explained",
    Kind.OFFSET: "explained",
}


@dataclass(frozen=True, slots=True)
class NewFix:
    """A fix of a break and why. `other_id` is the break by which one is offset; `until` when a provider is to have answered."""

    key: str
    break_id: UUID
    kind: Kind
    reason: str
    other_id: UUID | None = None
    until: date | None = None
    by: Actor | None = field(default=None, compare=False)


def ask_fixes(*, work: UnitOfWork, by: Working, fixes: Sequence[NewFix], told: Mapping[UUID, str] | None = None) -> list[Fix | Refused]:
    """Asks for fixes; those that one person may do are carried out at once, but for those that call the outside, which the caller does. One outcome a
    request, in order; a known key gives its fix as it stands. `told` is how records outside stand, by break.

    Refused with unknown_break, reason_missing, day_passed, or as `rules.fixes` says; a refusal uses no key.
    """
    new = work.ids.many(work.now, len(fixes))
    known = queries.breaks_by_id(book_id=work.book.id, ids=sorted({i for f in fixes for i in (f.break_id, f.other_id) if i}), lock=True)
    cases = queries.cases(book_id=work.book.id, breaks=list(known.values()), told=told)

    def refused(given: list[int]) -> dict[int, Refused]:
        faults, busy = dict[int, Refused](), dict[UUID, str]()
        for i in given:
            fault, key = _fault(work, fixes[i], cases, by), fixes[i].key
            named = [one for one in (fixes[i].break_id, fixes[i].other_id) if one]
            if fault is None and any(busy.get(one, key) != key for one in named):
                fault = Refused(rules.FIX_WAITS, "what was asked for before is decided and carried out first", "break_id")
            busy |= dict.fromkeys(named, key) if fault is None else {}
            if fault is not None:
                faults[i] = fault
        return faults

    def decide(fresh: list[int]) -> Mapping[int, Fix | Refused]:
        asked = {i: _asked(work, new[i], fixes[i], cases[fixes[i].break_id], by) for i in fresh}
        _insert(work, list(asked.values()), known)
        at_once = [fix.id for fix in asked.values() if fix.alone and fix.kind not in OUTSIDE]
        done = {fix_id: _carry_out(work, fix_id, by) for fix_id in at_once}
        return {i: done.get(fix.id, fix) for i, fix in asked.items()}

    return keys.answer(
        work=work,
        scope=FIX,
        requests=fixes,
        object_ids=new,
        validate=refused,
        decide=decide,
        recall=lambda ids: queries.fixes_by_id(book_id=work.book.id, ids=list(ids)),
    )


def decide_fix(*, work: UnitOfWork, by: Working, approval_id: UUID, approve: bool, reason: str) -> Fix | Refused:
    """Approves a fix, which carries it out (what calls the outside is done by the caller), or rejects it.

    Refused as `approvals.decide`. Raises RefusedError where it does not fit any more: the transaction rolls back, and the request goes on waiting,
    to be rejected.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=FIX)
    if isinstance(decided, Refused):
        return decided
    fix = queries.fix_of_approval(book_id=work.book.id, approval_id=approval_id)
    assert fix is not None, "an approval of a fix is stored with it"
    found = queries.breaks_by_id(book_id=work.book.id, ids=[fix.break_id], lock=True)[fix.break_id]
    if approve and found.state != "open":
        raise RefusedError(Refused(rules.NO_LONGER_FITS, f"the break is {found.state}", "break_id"))
    state = "approved" if approve else "rejected"
    _end(work, fix, replace(fix, state=state))
    tell(work=work, happened=[Happened(found.id, state, found.state, reason, fix_id=fix.id)])
    if not approve or fix.kind in OUTSIDE:
        return queries.fixes_by_id(book_id=work.book.id, ids=[fix.id])[fix.id]
    return _carry_out(work, fix.id, by)


def finish_repayment(*, work: UnitOfWork, fix_id: UUID, code: str = "") -> Fix:
    """The repayment of an approved fix is booked, and with it all breaks that wait for it are corrected; or it was not, for the reason `code`.

    Their movements come with the bills' day on which it was booked. A fix that ended stays as it is.
    """
    fix = queries.fixes_by_id(book_id=work.book.id, ids=[fix_id], lock=True)[fix_id]
    if fix.state != "approved":
        return fix
    found = _about(work, fix, Kind.POST_REPAYMENT)
    if code:
        return _drop(work, fix, found, code)
    waiting = [
        b for b in queries.breaks_waiting_for(book_id=work.book.id, source=found.source, reference=found.reference) if b.state == "open"
    ]
    ended = _ended(work, waiting, fix)
    return _done(work, fix, ended, None)


def finish_refund(*, work: UnitOfWork, fix_id: UUID, known: bool = False, code: str = "") -> Fix:
    """The refund of an approved fix is with its channel, which knew it before or has it now; or it refuses it, for the reason `code`.

    The break goes on waiting for its line, which may come on any day. A fix that ended stays as it is.
    """
    fix = queries.fixes_by_id(book_id=work.book.id, ids=[fix_id], lock=True)[fix_id]
    if fix.state != "approved":
        return fix
    found = _about(work, fix, Kind.SEND_REFUND)
    if code:
        return _drop(work, fix, found, code)
    done = _done(work, fix, [], None)
    tell(work=work, happened=[Happened(found.id, "sent", found.state, "known_there" if known else "sent", fix_id=fix.id)])
    return done


def _about(work: UnitOfWork, fix: Fix, kind: Kind) -> Break:
    assert fix.kind is kind, "each is carried out in its own way"
    return queries.breaks_by_id(book_id=work.book.id, ids=[fix.break_id], lock=True)[fix.break_id]


def _fault(work: UnitOfWork, given: NewFix, cases: Mapping[UUID, Case], by: Working) -> Refused | None:
    case = cases.get(given.break_id)
    if case is None:
        return Refused(UNKNOWN_BREAK, "there is no such break in this book", "break_id")
    if not given.reason.strip():
        return Refused(FIX_REASON_MISSING, "say why", "reason")
    if given.kind is Kind.CHASE and given.until is not None and given.until <= work.day.on:
        return Refused(rules.DAY_PASSED, "an answer is expected on a day to come", "until")
    return rules.fault(given.kind, case, by) or (_not_opposite(given.other_id, case, cases) if given.kind is Kind.OFFSET else None)


def _not_opposite(other_id: UUID | None, case: Case, cases: Mapping[UUID, Case]) -> Refused | None:
    other = cases.get(other_id) if other_id else None
    if other is None:
        return Refused(UNKNOWN_BREAK, "name the other break of this book", "other")
    if other.state != "open" or other.waits:
        return Refused(rules.NO_LONGER_FITS, "the other break is not open, or something waits for it", "other")
    if other.source != case.source or other.difference != -case.difference:
        return Refused(rules.NOT_OPPOSITE, "its difference is not just the opposite, or it is of another source", "other")
    return None


def _asked(work: UnitOfWork, fix_id: UUID, given: NewFix, case: Case, by: Working) -> Fix:
    alone = not rules.needs_second(given.kind, case, by)
    amount = case.difference if given.kind in BOOKED else case.stake
    until = None
    if given.kind is Kind.CHASE:
        until = given.until or date.fromordinal(work.day.on.toordinal() + max(by.chase_days, 1))
    return Fix(
        id=fix_id,
        break_id=given.break_id,
        source=case.source,
        kind=given.kind,
        amount=amount,
        other_id=given.other_id if given.kind is Kind.OFFSET else None,
        until=until,
        reason=given.reason.strip(),
        alone=alone,
        approval_id=None if alone else _approval(work, fix_id, given, amount.minor),
        state="approved" if alone else "waiting",
        asked_by=work.by.label,
        asked_on=work.day.on,
        asked_at=work.now,
        code="",
        entry_id=None,
        ended_on=None,
        ended_at=None,
    )


def _approval(work: UnitOfWork, fix_id: UUID, given: NewFix, minor: int) -> UUID:
    content = {"break_id": given.break_id, "kind": given.kind, "amount_minor": minor, "currency": work.book.currency}
    return approvals.request(work=work, action=FIX, object_kind="fix", object_id=fix_id, content=content, reason=given.reason)


_COLUMNS: Final = {
    "id": "uuid", "break_id": "uuid", "source": "text", "kind": "text", "amount_minor": "bigint", "currency": "text", "other_id": "uuid",
    "until": "date", "reason": "text", "alone": "boolean", "approval_id": "uuid", "state": "text", "asked_by": "text", "asked_on": "date",
    "asked_at": "timestamptz", "code": "text",
}  # fmt: skip


def _insert(work: UnitOfWork, asked: Sequence[Fix], known: Mapping[UUID, Break]) -> None:
    values = [
        (
            *(f.id, f.break_id, f.source, f.kind.value, f.amount.minor, f.amount.currency, f.other_id, f.until, f.reason, f.alone),
            *(f.approval_id, f.state, f.asked_by, f.asked_on, f.asked_at, f.code),
        )
        for f in asked
    ]
    sql.insert("reconciliation_fix", _COLUMNS, values, same={"book_id": ("uuid", work.book.id)})
    happened = [Happened(f.break_id, "asked", known[f.break_id].state, f.reason, until=f.until, fix_id=f.id) for f in asked]
    tell(work=work, happened=happened)
    tell_fixes(work=work, became=[(None, fix) for fix in asked])
    audit.record(work=work, action="break.ask_fix", object_kind="fix", object_ids=[f.id for f in asked])


def _carry_out(work: UnitOfWork, fix_id: UUID, by: Working) -> Fix:
    """Carries out an approved fix that books itself or nothing. Raises RefusedError where it does not fit any more."""
    fix = queries.fixes_by_id(book_id=work.book.id, ids=[fix_id], lock=True)[fix_id]
    ids = [i for i in (fix.break_id, fix.other_id) if i]
    known = queries.breaks_by_id(book_id=work.book.id, ids=ids, lock=True)
    cases = queries.cases(book_id=work.book.id, breaks=list(known.values()))
    case = replace(cases[fix.break_id], waits=False)
    fault = rules.fault(fix.kind, case, by) or (_not_opposite(fix.other_id, case, cases) if fix.kind is Kind.OFFSET else None)
    if fault is None and (case.difference if fix.kind in BOOKED else case.stake) != fix.amount:
        fault = Refused(rules.NO_LONGER_FITS, f"{fix.amount} was asked for, the break is not that any more", "break_id")
    if fault is not None:
        raise RefusedError(fault)
    if fix.kind is Kind.CHASE:
        return _done(work, fix, [], None)
    entry_id = _posted(work, fix, known[fix.break_id]) if fix.kind in BOOKED else None
    return _done(work, fix, _ended(work, [known[i] for i in ids], fix), entry_id)


def _posted(work: UnitOfWork, fix: Fix, found: Break) -> UUID:
    account = payments.money_accounts(book_id=work.book.id)[MONEY_ACCOUNT[found.source]]
    key = AccountKey(COMPONENTS[account.kind, account.purpose], owner_id=account.id)
    reference = entries.named(fix.id)
    entry = entries.corrected(fix_id=fix.id, kind=fix.kind, reference=reference, account=key, difference=fix.amount)
    return one(ledger.post(work=work, entries=[entry])).entry_id


def _ended(work: UnitOfWork, waiting: Sequence[Break], fix: Fix) -> list[Break]:
    ended = [replace(b, state=_ENDS_AS[fix.kind], reason=fix.kind.value, closed_on=work.day.on, fix_id=fix.id) for b in waiting]
    store(changed=ended)
    tell_breaks(work=work, became=[Became(was, now, cause=fix.id) for was, now in zip(waiting, ended, strict=True)])
    return ended


def _done(work: UnitOfWork, fix: Fix, ended: Sequence[Break], entry_id: UUID | None) -> Fix:
    done = replace(fix, state="done", entry_id=entry_id, ended_on=work.day.on, ended_at=work.now)
    _end(work, fix, done)
    happened = [Happened(b.id, "fixed", b.state, fix.kind.value, fix_id=fix.id) for b in ended]
    if fix.kind is Kind.CHASE:
        happened = [Happened(fix.break_id, "chased", "open", fix.reason, until=fix.until, fix_id=fix.id)]
    tell(work=work, happened=happened)
    audit.record(work=work, action="break.fixed", object_kind="fix", object_ids=[fix.id], detail={"kind": fix.kind, "amount": fix.amount})
    return done


def _drop(work: UnitOfWork, fix: Fix, found: Break, code: str) -> Fix:
    dropped = replace(fix, state="dropped", code=code, ended_on=work.day.on, ended_at=work.now)
    _end(work, fix, dropped)
    tell(work=work, happened=[Happened(found.id, "dropped", found.state, code, fix_id=fix.id)])
    audit.record(work=work, action="break.fix_dropped", object_kind="fix", object_ids=[fix.id], detail={"code": code})
    return dropped


def _end(work: UnitOfWork, before: Fix, fix: Fix) -> None:
    over = fix.state not in ("waiting", "approved")
    columns = {"id": "uuid", "state": "text", "code": "text", "entry_id": "uuid", "ended_on": "date", "ended_at": "timestamptz"}
    ended = (work.day.on, work.now) if over else (None, None)
    sql.update("reconciliation_fix", "id", columns, [(fix.id, fix.state, fix.code, fix.entry_id, *ended)])
    tell_fixes(work=work, became=[(before, replace(fix, ended_on=ended[0]))])
