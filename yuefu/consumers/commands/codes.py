"""Codes to phones: asked for, and tried. One at a time, for one person stands behind each."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from yuefu.consumers import queries, rules
from yuefu.consumers.rules import Code, phone_form
from yuefu.errors import Refused
from yuefu.runtime import locks, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

_COLUMNS: Final = {
    "id": "uuid", "book_id": "uuid", "subject_id": "uuid", "phone_index": "bytea", "consumer_id": "uuid", "state": "text", "tries": "smallint",
    "asked_at": "timestamptz", "expires_at": "timestamptz",
}  # fmt: skip


def ask(*, work: UnitOfWork, vault: Vault, phone: str, subject_id: UUID, of: UUID | None = None) -> UUID | Refused:
    """Sends a code to a phone, for a subject; `of` is the only person whose phone it may be. Whoever it belongs to, and whether to anybody, the answer
    is the same: who has no such phone does not learn whose it is. Refused with phone_invalid, too_many_codes, or codes_unavailable in a live
    book, where nothing sends codes yet.
    """
    number = phone_form(phone)
    if number is None:
        return Refused(rules.PHONE_INVALID, "this is no phone number", "phone")
    if work.book.mode == "live":
        return Refused(rules.CODES_UNAVAILABLE, "nothing sends codes in this book yet", "phone")
    index = vault.index(number, purpose="phone")
    for name in (
        subject_id,
        index.hex(),
    ):  # Who asks at the same time is counted: the thing before the phone, so that no two wait for each other.
        locks.wait(locks.CODES, name)
    since = work.now - rules.CODES_WITHIN
    ((to_it, for_it),) = sql.rows(
        "SELECT count(*) FILTER (WHERE phone_index = %(phone)s), count(*) FILTER (WHERE subject_id = %(subject)s) FROM consumers_code"
        " WHERE book_id = %(book)s AND asked_at > %(since)s AND (phone_index = %(phone)s OR subject_id = %(subject)s)",
        {"book": work.book.id, "phone": index, "subject": subject_id, "since": since},
    )
    if to_it >= rules.MOST_TO_A_PHONE or for_it >= rules.MOST_CODES:
        return Refused(rules.TOO_MANY_CODES, f"at most {rules.MOST_CODES} codes an hour for one thing", "phone")
    people = [one for one in queries.by_phone(book_id=work.book.id, phone=phone, vault=vault) if of in (None, one)]
    code_id = work.ids.new(work.now)
    row = (
        *(code_id, work.book.id, subject_id, index, people[0] if len(people) == 1 else None, "asked", 0, work.now),
        work.now + rules.CODE_LASTS,
    )
    sql.insert("consumers_code", _COLUMNS, [row])
    return code_id


def confirm(*, work: UnitOfWork, code_id: UUID, subject_id: UUID, digits: str) -> Code | Refused:
    """A try of a code, which counts whatever comes of it. Refused with code_over, or code_wrong."""
    found = sql.rows_as(
        Code,
        "SELECT id, subject_id, consumer_id, state, tries, expires_at, confirmed_at FROM consumers_code"
        " WHERE book_id = %s AND id = %s AND subject_id = %s FOR NO KEY UPDATE",
        [work.book.id, code_id, subject_id],
    )
    done = rules.try_code(found[0] if found else None, digits, work.now)
    if isinstance(done, Refused):
        return done
    sql.run(
        "UPDATE consumers_code SET state = %s, tries = %s, confirmed_at = %s WHERE id = %s",
        [done.state, done.tries, done.confirmed_at, done.id],
    )
    return (
        done if done.state == "confirmed" else Refused(rules.CODE_WRONG, f"wrong; {rules.MOST_TRIES - done.tries} tries are left", "code")
    )
