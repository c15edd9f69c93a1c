"""`yuefu reconcile FILE…`: reads bills, checks them and holds them together; with `--store` receives them in a book and reconciles their days."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import FAILED, CommandError, Fault, fail, fault_of

if TYPE_CHECKING:
    from yuefu.cli.context import Caller
    from yuefu.journeys.reconciliation import Reconciled
    from yuefu.reconciliation.commands import DayOutcome
    from yuefu.reconciliation.rules.bills import Bill
    from yuefu.reconciliation.rules.holding import Held, Pair

SOURCES: Final = ("channel_trade", "channel_fund", "bank", "bank_client")


# Files of these layouts can be received in a book; all others are read, checked and held against each other.
_RECEIVED: Final = (
    *("wechat.trade.ALL", "wechat.trade.SUCCESS", "wechat.trade.REFUND", "wechat.fundflow.", "alipay.trade", "alipay.account", "bank."),
    *("klarna.", "affirm.", "adyen."),
)
_CHECKSUM_SUFFIX: Final = ".apply.json"
_SHA1: Final = re.compile(r"[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Read:
    """A file and the bills in it, or why there are none."""

    path: Path
    data: bytes
    bills: tuple[Bill, ...] | Fault

    @property
    def layout(self) -> str:
        """The layouts of what has lines, or of what has none where nothing has."""
        if isinstance(self.bills, Fault):
            return ""
        chosen = [bill for bill in self.bills if bill.layout != "alipay.summary"] or self.bills
        return "+".join(dict.fromkeys(bill.layout for bill in chosen))


def register(app: typer.Typer) -> None:
    app.command("reconcile")(reconcile)


def reconcile(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bills, plain, gzipped or zipped.")],
    store: Annotated[bool, typer.Option("--store", help="Receive the files in the book and reconcile their days.")] = False,
    source: Annotated[
        str | None, typer.Option(help="channel_trade, channel_fund, bank or bank_client; told from the layout unless given.")
    ] = None,
    on: Annotated[
        date | None, typer.Option(metavar="DATE", parser=inputs.day, help="The day of the files; a file without lines does not say it.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="The currency that the files must be in; that which they state, else CNY, unless given.")
    ] = None,
    sha1: Annotated[
        str | None,
        typer.Option(help="The SHA-1 of the file when it is unpacked, as its channel said it; else FILE.apply.json is looked at."),
    ] = None,
) -> None:
    """Read bills, check what they add up to, and hold those of one channel and day against each other. Nothing is stored without --store."""
    if source is not None and source not in SOURCES:
        fail("unknown_source", f"A source is one of {', '.join(SOURCES)}, not {source!r:.40}.")
    if currency is not None:
        inputs.amount("1", currency)
    if sha1 is not None and (len(files) != 1 or not _SHA1.fullmatch(sha1)):
        fail("bad_checksum", "A SHA-1 has 40 hexadecimal digits and is that of one file.")
    found = [_read(path, currency, sha1) for path in files]
    if store:
        _store(found, source, on)
    else:
        _report([_as_said(read, source, on) for read in found], on)


def _as_said(read: Read, source: str | None, on: date | None) -> Read:
    """What the options say of a file must be so, whether it is stored or only read."""
    if isinstance(read.bills, Fault):
        return read
    trade = read.layout.startswith("wechat.trade.")
    if source is not None and trade != (source == "channel_trade"):
        fault = Fault("source_differs", f"the file has the layout {read.layout}, which is not that of {source}")
        return Read(read.path, read.data, fault)
    other = next((bill.on for bill in read.bills if on is not None and bill.on not in (None, on)), None)
    if other is not None:
        return Read(read.path, read.data, Fault("day_differs", f"the file is of {other}, not of {on}"))
    return read


def _read(path: Path, currency: str | None, sha1: str | None) -> Read:
    from yuefu.reconciliation.gateways.reading import read
    from yuefu.reconciliation.rules.bills import BillError

    try:
        data = inputs.file_content(path)
    except CommandError as error:
        if error.fault.code != "too_large":
            raise
        # Beside other files it is one that was refused; nothing of it has come into memory.
        return Read(path, b"", error.fault)
    try:
        return Read(path, data, tuple(read(data, currency=currency, sha1=sha1 or _checksum_beside(path))))
    except BillError as error:
        return Read(path, data, fault_of(error))


def _checksum_beside(path: Path) -> str | None:
    """The SHA-1 in the answer of the channel, kept beside the bill under its name with or without what it was packed in."""
    from yuefu.reconciliation.rules.bills import BillError

    names = [path.name, path.name.removesuffix(".gz"), path.name.removesuffix(".gz").rpartition(".")[0]]
    answer = next((beside for name in names if name for beside in [path.with_name(name + _CHECKSUM_SUFFIX)] if beside.is_file()), None)
    if answer is None or answer == path:
        return None
    try:
        said = json.loads(answer.read_bytes()[:65_536])
        kind, value = str(said["hash_type"]), str(said["hash_value"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BillError("checksum_mismatch", f"The checksum in {answer.name} cannot be read: fetch bill and checksum again.") from error
    if kind.upper().replace("-", "") != "SHA1" or not _SHA1.fullmatch(value):
        raise BillError("checksum_mismatch", f"The checksum in {answer.name} is no SHA-1: fetch bill and checksum again.")
    return value


def _report(found: Sequence[Read], on: date | None) -> None:
    from yuefu.reconciliation.rules.holding import hold
    from yuefu.reconciliation.rules.judgement import Verdict

    placed = [(place, bill) for place, read in enumerate(found) if not isinstance(read.bills, Fault) for bill in read.bills]
    held = hold([bill for _, bill in placed], on)
    again = {placed[at][0] for at in held.again}
    for at, error in held.refused.items():
        place = placed[at][0]
        found = [Read(one.path, one.data, fault_of(error)) if here == place else one for here, one in enumerate(found)]
    faults = [(read.path, read.bills) for read in found if isinstance(read.bills, Fault)]
    verdict = Verdict.INCOMPLETE if faults else held.verdict()
    pairs = [_pair(pair, [str(found[place].path) for place, _ in placed]) for pair in held.pairs]
    value: dict[str, Any] = {
        "files": [_file(read, place in again) for place, read in enumerate(found)],
        "pairs": pairs,
        "verdict": verdict,
        "breaks": [{"class": one.klass, "kind": one.kind, "reference": one.reference, "amount": one.amount} for one in held.breaks],
        "pending": [{"kind": one.line_kind, "reference": one.reference, "amount": one.trade} for one in held.pending],
        "missing": held.missing,
        "warnings": held.warnings,
    }
    if faults:
        path, first = faults[0]
        value["error"] = {"code": first.code, "detail": f"{path}: {first.detail}"}
    lines = [*(line for read in found for line in _file_lines(read)), *map(_pair_line, pairs), *_said(held), f"verdict: {verdict}"]
    output.result(value, lines)
    if faults or held.breaks:
        raise typer.Exit(FAILED)


def _file(read: Read, again: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"name": read.path.name, "path": str(read.path)}
    if isinstance(read.bills, Fault):
        error = {"code": read.bills.code, "detail": read.bills.detail}
        return value | {"layout": None, "accepted": False, "error": error, "rows": 0, "lines": 0, "totals": {}}
    bills = [_bill(bill) for bill in read.bills]
    # What a file of several bills is as a whole is said by the one that has the lines.
    chief = next((place for place, bill in enumerate(read.bills) if bill.layout != "alipay.summary"), 0)
    lines = sum(len(bill.lines) for bill in read.bills)
    rows = sum(len({line.line_no for line in bill.lines}) for bill in read.bills)  # a payout is several lines
    value |= bills[chief] | {"layout": read.layout, "accepted": True, "error": None, "rows": rows, "lines": lines, "again": again}
    if len(bills) > 1:
        value["totals"] = _sums(read.bills)
        value["bills"] = bills
    return value


def _bill(bill: Bill) -> dict[str, Any]:
    return {
        "layout": bill.layout,
        "account": bill.account,
        "since": bill.since,
        "on": bill.on,
        "currency": bill.currency,
        "lines": len(bill.lines),
        "totals": dict(bill.totals),
        "sha256": bill.sha256,
    }


def _sums(bills: Sequence[Bill]) -> dict[str, int]:
    """The totals of several bills of one layout and currency together; of others only the number of lines can be added up."""
    chosen = [bill for bill in bills if bill.layout != "alipay.summary"] or bills
    sums = {"lines": sum(len(bill.lines) for bill in chosen)}
    if len({(bill.layout, bill.currency) for bill in chosen}) > 1 or any(bill.layout.startswith("bank.") for bill in chosen[1:]):
        return sums
    for bill in chosen:
        for name, total in bill.totals.items():
            sums[name] = sums.get(name, 0) + total if name != "lines" else sums[name]
    return sums


def _file_lines(read: Read) -> list[str]:
    if isinstance(read.bills, Fault):
        return [f"{read.path}: {read.bills.code}: {read.bills.detail}"]
    return [_bill_line(read.path, bill) for bill in read.bills]


def _bill_line(path: Path, bill: Bill) -> str:
    sums = ", ".join(f"{name} {output.shown(amount)}" for name, amount in bill.totals.items() if name != "lines")
    days = f"{bill.since} to {bill.on}" if bill.since else bill.on or "no day"
    return f"{path}: {bill.layout} of {days}, {len(bill.lines)} lines; {sums} (minor units of {bill.currency})"


def _pair(pair: Pair, paths: Sequence[str]) -> dict[str, Any]:
    """Bills that were held against each other. A refund that is still under way is expected and is no disagreement."""
    from yuefu.reconciliation.rules.pairs import PairKind

    return {
        "on": pair.on,
        "trade": ", ".join(dict.fromkeys(paths[at] for at in pair.trade)),
        "fund": ", ".join(dict.fromkeys(paths[at] for at in pair.fund)),
        "agrees": all(difference.kind is PairKind.TIMING for difference in pair.differences),
        "differences": list(pair.differences),
    }


def _pair_line(pair: dict[str, Any]) -> str:
    said = "agree" if pair["agrees"] else "DIFFER"
    kinds = ", ".join(f"{d.kind} {d.reference}" for d in pair["differences"])
    return f"{pair['on']}: {pair['trade']} and {pair['fund']} {said}" + (f" ({kinds})" if kinds else "")


def _said(held: Held) -> Iterator[str]:
    yield from (f"break: {one.klass} {one.kind} {one.reference} {one.amount}" for one in held.breaks)
    yield from (f"missing: {text}" for text in held.missing)
    yield from (f"warning: {text}" for text in held.warnings)


def _store(found: Sequence[Read], source: str | None, on: date | None) -> None:
    with context.at_work("reconcile") as caller:
        from yuefu.journeys import reconciliation
        from yuefu.reconciliation.commands import FileIn

        for read in found:
            if read.layout and not read.layout.startswith(_RECEIVED):
                fail(
                    "wrong_source",
                    f"{read.path}: files of the layout {read.layout} are checked, not received in a book: leave out --store.",
                )
        client = _client_number(caller)
        files = [FileIn(source or _source_of(read, client), read.data, on) for read in found]
        done = reconciliation.reconcile(desk=caller.for_the_book().desk, now=caller.now, files=files)
        results = [_stored(read, outcome) for read, outcome in zip(found, done, strict=True)]
        value: dict[str, Any] = {"book": caller.book.code, "files": results, **_judged(caller, done)}
        failed = [one for one in results if "error" in one]
        if failed:
            value["error"] = failed[0]["error"]
        output.result(
            value, [*(_stored_line(one) for one in results), *(_break_line(one) for one in value["breaks"]), f"verdict: {value['verdict']}"]
        )
    if failed:
        raise typer.Exit(FAILED)


def _judged(caller: Caller, done: Sequence[Reconciled]) -> dict[str, Any]:
    """The verdict of what was stored, and the breaks that are open by the last day of each source. A file that was refused leaves it incomplete."""
    from yuefu.errors import Refused
    from yuefu.journeys import carried
    from yuefu.reconciliation.rules.judgement import Verdict, together
    from yuefu.reconciliation.rules.references import Result

    refused = any(isinstance(part, Refused) for one in done for part in (one.received, one.outcome, *(day for _, day in one.days)))
    last: dict[str, date] = {}
    for one in done:
        if one.on is not None and not isinstance(one.received, Refused):
            last[one.source] = max(one.on, last.get(one.source, one.on))
    with caller.reading():
        found = [carried.of_source(book_id=caller.book.id, source=source, on=on) for source, on in last.items()]
    items = [(one.source, item) for one in found if one.statement for item in one.statement.items]
    breaks = [(source, item) for source, item in items if item.placed.result is Result.BREAK and not item.ended]
    return {
        "verdict": Verdict.INCOMPLETE if refused else together(one.verdict for one in found),
        "breaks": [
            {"source": source, "class": x.placed.cls, "kind": x.standing.kind, "reference": x.standing.reference, "amount": x.impact}
            for source, x in breaks
        ],
    }


def _break_line(one: dict[str, Any]) -> str:
    return f"break: {one['source']} {one['class']} {one['kind']} {one['reference']} {one['amount']}"


def _client_number(caller: Caller) -> str:
    """The number of our account of client money at the bank."""
    from yuefu.payments import queries as payments
    from yuefu.payments.rules import CLIENT

    with caller.for_the_book().reading():
        accounts = payments.money_accounts(book_id=caller.book.id)
    return accounts[CLIENT].number if CLIENT in accounts else ""


def _source_of(read: Read, client: str) -> str:
    """A trade bill and a bank statement say what they are; a fund flow may be the channel's or a bank's, and is taken for the channel's."""
    if read.layout.startswith("bank."):
        mine = not isinstance(read.bills, Fault) and any(bill.account == client for bill in read.bills)
        return "bank_client" if mine else "bank"
    return "channel_trade" if read.layout.startswith(("wechat.trade.", "alipay.trade")) else "channel_fund"


def _stored(read: Read, outcome: Reconciled) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.errors import Refused

    value: dict[str, Any] = {"path": str(read.path), "source": outcome.source, "on": outcome.on}
    refused = next((part for part in (outcome.received, outcome.outcome) if isinstance(part, Refused)), None)
    if not isinstance(outcome.received, Refused):
        value |= {"file": ids.text("bill_file", outcome.received.file.id), "again": outcome.received.again}
    if refused is not None:
        value["error"] = {"code": refused.code, "detail": f"{read.path}: {refused.detail}"}
    elif outcome.outcome is not None and not isinstance(outcome.outcome, Refused):
        value |= _day(outcome.outcome)
    if len(outcome.days) > 1:
        value["days"] = [
            {"on": on} | (_day(day) if not isinstance(day, Refused) else {"error": {"code": day.code, "detail": day.detail}})
            for on, day in outcome.days
        ]
        done = [day for _, day in outcome.days if not isinstance(day, Refused)]
        value |= {"breaks_opened": sum(day.opened for day in done), "breaks_resolved": sum(day.resolved for day in done)}
    return value


def _day(outcome: DayOutcome) -> dict[str, Any]:
    bridge = outcome.bridge
    return {
        "state": bridge.state,
        "bill_total": bridge.bill_total,
        "ledger_total": bridge.ledger_total,
        "differences": dict(bridge.differences),
        "residual": bridge.residual,
        "breaks_opened": outcome.opened,
        "breaks_resolved": outcome.resolved,
    }


def _stored_line(stored: dict[str, Any]) -> str:
    if "error" in stored:
        return f"{stored['error']['code']}: {stored['error']['detail']}"
    again = " (received before)" if stored["again"] else ""
    opened = stored.get("breaks_opened", 0)
    return f"{stored['path']}: {stored['source']} of {stored['on']}{again}, {opened} breaks opened, residual {stored.get('residual')}"
