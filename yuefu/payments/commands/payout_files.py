"""Files of payouts: made once for the bank, kept as they were made, answered by the bank or cancelled by a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.payments import queries, rules
from yuefu.payments.commands.payouts import send_payouts
from yuefu.payments.rules import Answer, Line, MoneyAccount, Payout, PayoutFile, PayResult, Pays
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

SEALED_IN, SEALED_AS = "payments_payout_file", "content"
_HOLDS: Final = "UPDATE payments_payout_file_line SET holds = false WHERE book_id = %s AND file_id = %s"


@dataclass(frozen=True, slots=True)
class FileWanted:
    """A file of these payouts, all to merchants or all to payees, out of one account of ours, to be carried out on a day. `write` puts it together from
    its message id and lines."""

    account: MoneyAccount
    payouts: Sequence[Payout]
    layout: str
    execute_on: date
    write: Callable[[str, Sequence[Line]], bytes]
    pays: Pays = "merchants"


def make_file(*, work: UnitOfWork, vault: Vault, wanted: FileWanted) -> PayoutFile | Refused:
    """Makes a file of those payouts that nobody has sent and whose money is in the account that they leave, and marks them as sent in it.

    Refused with NOTHING_TO_EXPORT where none of them is left. Commit, then hand the file to a person.
    """
    sent = [p for p in send_payouts(work=work, payouts=wanted.payouts, only_now=True) if isinstance(p, Payout)]
    if not sent:
        return Refused(rules.NOTHING_TO_EXPORT, "no payout waits whose money is in its account, and that may go now")
    to = merchants.beneficiaries(account_ids=sorted({p.account_id for p in sent if p.account_id}), vault=vault)
    lines = []
    for no, payout in enumerate(sent, start=1):
        assert payout.account_id is not None, "what is sent says where it goes"
        payee = to[payout.account_id]
        lines.append(Line(no, payout, payee.holder, payee.bank_code, payee.number))
    file_id = work.ids.new(work.now)
    content = wanted.write(ids.text("payout_file", file_id), lines)
    made = PayoutFile(
        id=file_id,
        money_account_id=wanted.account.id,
        message_id=ids.text("payout_file", file_id),
        layout=wanted.layout,
        execute_on=wanted.execute_on,
        count=len(lines),
        total=Money(sum(p.amount.minor for p in sent), work.book.currency),
        sha256=sha256(content).hexdigest(),
        state="made",
        made_by=work.by.label,
        made_at=work.now,
        cancelled_by="",
        cancelled_at=None,
        reason="",
        pays=wanted.pays,
    )
    _store(work, vault, made, content, lines)
    return made


def _store(work: UnitOfWork, vault: Vault, made: PayoutFile, content: bytes, lines: Sequence[Line]) -> None:
    sealed = vault.seal(content.decode(), table=SEALED_IN, column=SEALED_AS, row=made.id)
    sql.run(
        "INSERT INTO payments_payout_file (id, book_id, money_account_id, message_id, layout, execute_on, count, total_minor, currency, sha256, content,"
        " state, made_by, made_at, pays) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(made.id, work.book.id, made.money_account_id, made.message_id, made.layout, made.execute_on, made.count, made.total.minor),
            *(made.total.currency, made.sha256, sealed, made.state, made.made_by, made.made_at, made.pays),
        ],
    )
    new = work.ids.many(work.now, len(lines))
    rows = [(line_id, line.payout.id, line.no) for line_id, line in zip(new, lines, strict=True)]
    same: sql.Same = {"book_id": ("uuid", work.book.id), "file_id": ("uuid", made.id)}
    sql.insert("payments_payout_file_line", {"id": "uuid", "payout_id": "uuid", "no": "integer"}, rows, same=same)
    sql.run("UPDATE payments_payout SET file_id = %s WHERE id = ANY(%s)", [made.id, [line.payout.id for line in lines]])
    audit.record(work=work, action="payments.make_file", object_kind="payout_file", object_ids=[made.id], detail={"sha256": made.sha256})


def cancel_file(*, work: UnitOfWork, file_id: UUID, reason: str) -> PayoutFile | Refused:
    """Cancels a file that the bank will not carry out, so a person says why: its payouts wait to be sent again, under the same references.

    Refused with UNKNOWN_FILE, FILE_CANCELLED, or FILE_ANSWERED where the bank has said of any of it that it was paid or rejected.
    """
    assert reason, "a person says why"
    found = queries.payout_file(book_id=work.book.id, file_id=file_id, lock=True)
    if found is None:
        return Refused(rules.UNKNOWN_FILE, "there is no such file of payouts in this book", "file")
    if found.state == "cancelled":
        return Refused(rules.FILE_CANCELLED, f"{found.cancelled_by} cancelled this file: {found.reason}", "file")
    payouts = queries.payouts_of_file(book_id=work.book.id, file_id=file_id, lock=True)
    if any(payout.state != "sent" for payout in payouts):
        return Refused(rules.FILE_ANSWERED, "the bank has carried out some of this file: what it has not is rejected by its answer", "file")
    sql.run(
        "UPDATE payments_payout_file SET state = 'cancelled', cancelled_by = %s, cancelled_at = %s, reason = %s WHERE id = %s",
        [work.by.label, work.now, reason, file_id],
    )
    sql.run(_HOLDS, [work.book.id, file_id])
    sql.run(
        "UPDATE payments_payout SET state = 'scheduled', file_id = NULL, account_id = NULL WHERE id = ANY(%s)", [[p.id for p in payouts]]
    )
    audit.record(work=work, action="payments.cancel_file", object_kind="payout_file", object_ids=[file_id], detail={"reason": reason})
    cancelled = queries.payout_file(book_id=work.book.id, file_id=file_id)
    assert cancelled is not None, "it is there"
    return cancelled


def keep_answer(*, work: UnitOfWork, answer: Answer, data: bytes) -> tuple[PayoutFile, list[PayResult]] | Refused:
    """Keeps an answer of the bank and tells what is to be booked of it; all of it or nothing.

    Refused with ANSWER_FOREIGN, FILE_CANCELLED, ANSWER_TAKEN (these bytes, or another answer with this number, were booked before) or as
    `rules.results_of` refuses.
    """
    digest = sha256(data).hexdigest()
    found = queries.payout_file(book_id=work.book.id, message_id=answer.answers_to, lock=True)
    if found is None:
        return Refused(
            rules.ANSWER_FOREIGN, f"it answers {answer.answers_to[:40]!r}, which is no file of this book: take it to whose it is", "file"
        )
    if before := queries.answer_taken(book_id=work.book.id, sha256=digest, message_id=answer.message_id):
        return Refused(rules.ANSWER_TAKEN, f"{before} booked this answer already: there is nothing to do", "file")
    if found.state == "cancelled":
        return Refused(
            rules.FILE_CANCELLED,
            f"{found.cancelled_by} cancelled this file ({found.reason}), yet the bank answers it: call the bank",
            "file",
        )
    results = rules.results_of(answer, queries.payouts_of_file(book_id=work.book.id, file_id=found.id, lock=True))
    if isinstance(results, Refused):
        return results
    counts = [sum(result.outcome == said for result in results) for said in ("paid", "rejected", "sent")]
    answer_id = work.ids.new(work.now)
    sql.run(
        "INSERT INTO payments_payout_answer (id, book_id, file_id, message_id, sha256, paid, rejected, pending, taken_by, taken_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [answer_id, work.book.id, found.id, answer.message_id, digest, *counts, work.by.label, work.now],
    )
    audit.record(work=work, action="payments.keep_answer", object_kind="payout_file", object_ids=[found.id], detail={"sha256": digest})
    return found, results
