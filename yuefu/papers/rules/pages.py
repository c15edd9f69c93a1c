"""Papers as PDF: what each says in which language, set by typst. Pure: the same values give the same bytes, for there is no moment, no font of the
machine and no chance in them; fonts and typesetter are pinned with the project (ADR 0035)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, Final

from yuefu import ids
from yuefu.money.amounts import Money
from yuefu.papers.rules.certificates import Certificate
from yuefu.papers.rules.quotes import PayoffQuote
from yuefu.papers.rules.setting import figure, row, section, typeset
from yuefu.papers.rules.statements import Account, Line, Parts, Statement
from yuefu.papers.rules.wording import text
from yuefu.plans.label import with_symbol
from yuefu.plans.offer.wording import Language

_PARTS: Final = Parts.__slots__


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose paper it is, as far as that is shown: name and identity number masked. Empty where nobody here knows them."""

    name: str = ""
    id_number: str = ""


def certificate_pdf(certificate: Certificate, holder: Holder, language: Language) -> bytes:
    """The certificate that a loan is settled."""
    told = certificate.settled
    fields = [
        _field("number", certificate.number, language),
        *_whose(holder, certificate.settled.consumer_id, language),
        _field("loan", ids.text("loan", told.loan_id), language),
        _field("lent", with_symbol(told.lent), language),
        _field("lent_on", told.lent_on, language),
        _field("settled_on", told.settled_on, language),
    ]
    code = [_field("number", certificate.number, language), _field("code", certificate.sha256, language)]
    return typeset(
        language,
        title=text("certificate", language),
        lender=certificate.lender,
        fields=fields,
        body=[text(told.how, language, settled_on=told.settled_on)],
        sections=[section("", [_field("lender", certificate.lender, language), _field("issued_on", certificate.issued_on, language)])],
        notes=[
            *([text("replaces", language)] if certificate.replaces_id else []),
            text("verify_certificate", language),
        ],
        code=code,
        footer=f"{certificate.number}",
    )


def statement_pdf(statement: Statement, holder: Holder, lender: str, made_on: date, language: Language) -> bytes:
    """The account of loans over a range of days."""
    fields = [
        *_whose(holder, statement.consumer_id, language),
        _field("range", text("range_value", language, first=statement.first, last=statement.last), language),
        _field("made_on", made_on, language),
    ]
    sections = [_account(one, language) for one in statement.accounts]
    if len(statement.accounts) > 1:
        sections.append(_sums(statement, language))
    notes = [text("statement_note", language)] if statement.accounts else []
    notes += [text("left_out", language, count=len(statement.left_out))] if statement.left_out else []
    return typeset(
        language,
        title=text("statement", language),
        lender=lender,
        fields=fields,
        body=[] if statement.accounts else [text("no_accounts", language)],
        sections=sections,
        notes=notes,
        footer=ids.text("consumer", statement.consumer_id),
        wide=True,
    )


def payoff_pdf(quote: PayoffQuote, holder: Holder, lender: str, zone: tzinfo, language: Language) -> bytes:
    """The quote of what ends loans on a day."""
    names = ("principal", "interest", "fees", "penalties", "from_credit", "total", "saved")
    columns = [_column("loan", language, wide=True), *(_column(name, language, number=True) for name in names)]
    rows = [row("plain", [ids.text("loan", one.loan_id), *(figure(_signed(one, name)) for name in names)]) for one in quote.loans]
    sums = [sum(_signed(one, name).minor for one in quote.loans) for name in names]
    rows.append(row("sum", [text("sums", language), *(figure(Money(minor, quote.currency)) for minor in sums)]))
    fields = [
        _field("number", ids.text("payoff_quote", quote.id), language),
        *_whose(holder, quote.consumer_id, language),
        _field("on", quote.on, language),
        _field("valid_until", _moment(quote.valid_until, zone), language),
        _field("currency", quote.currency, language),
        _field("total", with_symbol(quote.total), language),
    ]
    return typeset(
        language,
        title=text("payoff", language),
        lender=lender,
        fields=fields,
        body=[],
        sections=[section("", [], columns, rows)],
        notes=[text("payoff_note", language)],
        code=[_field("code", quote.sha256, language)],
        footer=ids.text("payoff_quote", quote.id),
        wide=True,
    )


def _signed(one: object, name: str) -> Money:
    amount: Money = getattr(one, name)
    return -amount if name == "from_credit" else amount


def _moment(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")


def _whose(holder: Holder, consumer_id: Any, language: Language) -> list[list[str]]:
    known = [_field("borrower", holder.name, language), _field("id_number", holder.id_number, language)] if holder.name else []
    return [*known, _field("consumer", ids.text("consumer", consumer_id), language)]


def _account(one: Account, language: Language) -> dict[str, Any]:
    fields = [
        _field("product", one.product, language),
        _field("currency", one.currency, language),
        _field("status", text(f"status_{one.status}", language), language),
    ]
    columns = [
        _column("day", language),
        _column("entered", language),
        _column("what", language, wide=True),
        _column("amount", language, number=True),
        *(_column(name, language, number=True) for name in (*_PARTS, "owed")),
    ]
    opening = row("sum", ["", "", text("opening", language), "", *_figures(one.opening, one.currency)])
    closing = row("sum", ["", "", text("closing", language), "", *_figures(one.closing, one.currency)])
    lines, stands = [], one.opening.owed
    for line in one.lines:
        stands += line.moved.owed
        lines.append(_line(line, stands, one.currency, language))
    given_up = []
    if one.given_up:
        amounts = {name: with_symbol(Money(getattr(one, name), one.currency)) for name in ("given_up", "recovered")}
        given_up = [text("given_up", language, **amounts)]
    heading = f"{text('loan', language)} {ids.text('loan', one.loan_id)}"
    return section(heading, fields, columns, [opening, *lines, closing], given_up)


def _line(line: Line, stands: int, currency: str, language: Language) -> dict[str, Any]:
    """A movement by its parts, and the balance after it."""
    what = text("borne" if line.what is None else f"fact_{line.what}", language)
    if line.kind == "undone":
        what = text("undone", language, what=what, on=line.undone_on)
    amount = "" if line.amount is None else figure(line.amount)
    figures = [""] * (len(_PARTS) + 1) if line.kind == "undone" else [*_figures(line.moved, currency)[:-1], figure(Money(stands, currency))]
    entered = "" if line.recorded_on is None else str(line.recorded_on)
    return row("undone" if line.kind == "undone" else "plain", [str(line.on), entered, what, amount, *figures])


def _sums(statement: Statement, language: Language) -> dict[str, Any]:
    columns = [_column("of_all", language, wide=True), *(_column(name, language, number=True) for name in (*_PARTS, "owed"))]
    rows = []
    for currency, (opening, closing) in statement.sums().items():
        rows.append(row("plain", [f"{text('opening', language)} {currency}", *_figures(opening, currency)]))
        rows.append(row("sum", [f"{text('closing', language)} {currency}", *_figures(closing, currency)]))
    return section(text("sums", language), [], columns, rows)


def _figures(parts: Parts, currency: str) -> list[str]:
    return [figure(Money(minor, currency)) for minor in (*(getattr(parts, name) for name in _PARTS), parts.owed)]


def _field(code: str, value: object, language: Language) -> list[str]:
    return [text(code, language), str(value)]


def _column(code: str, language: Language, *, number: bool = False, wide: bool = False) -> dict[str, Any]:
    return {"name": text(code, language), "number": number, "wide": wide}
