"""`yuefu reconcile FILE…`: reads bills and checks them; with `--store` receives them in a book and reconciles their days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import FAILED, Fault, fail, fault_of

if TYPE_CHECKING:
    from yuefu.journeys.reconciliation import Reconciled
    from yuefu.reconciliation.rules.bills import Bill

SOURCES: Final = ("channel_trade", "channel_fund", "bank", "bank_client")


@dataclass(frozen=True, slots=True)
class Read:
    """A file and the bill in it, or why there is none."""

    path: Path
    data: bytes
    bill: Bill | Fault


def register(app: typer.Typer) -> None:
    app.command("reconcile")(reconcile)


def reconcile(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bills, plain or gzipped.")],
    store: Annotated[bool, typer.Option("--store", help="Receive the files in the book and reconcile their days.")] = False,
    source: Annotated[
        str | None, typer.Option(help="channel_trade, channel_fund, bank or bank_client; told from the layout unless given.")
    ] = None,
    on: Annotated[
        date | None, typer.Option(metavar="DATE", parser=inputs.day, help="The day of the files; a file without lines does not say it.")
    ] = None,
    currency: Annotated[str, typer.Option(help="The currency that the files are in.")] = "CNY",
) -> None:
    """Read bills, check their summaries and, of one day, that trade bill and fund flow agree. Nothing is stored without --store."""
    if source is not None and source not in SOURCES:
        fail("unknown_source", f"A source is one of {', '.join(SOURCES)}, not {source!r:.40}.")
    inputs.amount("1", currency)
    found = [_read(path, currency) for path in files]
    if store:
        _store(found, source, on)
    else:
        _report([_as_said(read, source, on) for read in found])


def _as_said(read: Read, source: str | None, on: date | None) -> Read:
    """What the options say of a file must be so, whether it is stored or only read."""
    if isinstance(read.bill, Fault):
        return read
    trade = read.bill.layout.startswith("wechat.trade.")
    if source is not None and trade != (source == "channel_trade"):
        return Read(
            read.path, read.data, Fault("source_differs", f"the file has the layout {read.bill.layout}, which is not that of {source}")
        )
    if on is not None and read.bill.on not in (None, on):
        return Read(read.path, read.data, Fault("day_differs", f"the file is of {read.bill.on}, not of {on}"))
    return read


def _read(path: Path, currency: str) -> Read:
    from yuefu.reconciliation.gateways.wechat import read_bill
    from yuefu.reconciliation.rules.bills import BillError

    data = inputs.file_content(path)
    try:
        return Read(path, data, read_bill(data, currency=currency))
    except BillError as error:
        return Read(path, data, fault_of(error))


def _report(found: Sequence[Read]) -> None:
    pairs = _pairs(found)
    faults = [(read.path, read.bill) for read in found if isinstance(read.bill, Fault)]
    value: dict[str, Any] = {"files": [_file(read) for read in found], "pairs": pairs}
    lines = [_file_line(read) for read in found] + [_pair_line(pair) for pair in pairs]
    if faults:
        path, first = faults[0]
        value["error"] = {"code": first.code, "detail": f"{path}: {first.detail}"}
    output.result(value, lines)
    if faults or not all(pair["agrees"] for pair in pairs):
        raise typer.Exit(FAILED)


def _file(read: Read) -> dict[str, Any]:
    if isinstance(read.bill, Fault):
        return {"path": str(read.path), "error": {"code": read.bill.code, "detail": read.bill.detail}}
    bill = read.bill
    return {
        "path": str(read.path),
        "layout": bill.layout,
        "account": bill.account,
        "on": bill.on,
        "currency": bill.currency,
        "lines": len(bill.lines),
        "totals": dict(bill.totals),
        "sha256": bill.sha256,
    }


def _file_line(read: Read) -> str:
    if isinstance(read.bill, Fault):
        return f"{read.path}: {read.bill.code}: {read.bill.detail}"
    bill = read.bill
    sums = ", ".join(f"{name} {output.shown(amount)}" for name, amount in bill.totals.items() if name != "lines")
    return f"{read.path}: {bill.layout} of {bill.on or 'no day'}, {len(bill.lines)} lines; {sums} (minor units of {bill.currency})"


def _pairs(found: Sequence[Read]) -> list[dict[str, Any]]:
    """Each complete trade bill with each fund flow of its day. A refund that is still under way is expected and is no disagreement."""
    from yuefu.reconciliation.rules.bills import Bill
    from yuefu.reconciliation.rules.pairs import PairKind, verify_pair

    bills = [(read.path, read.bill) for read in found if isinstance(read.bill, Bill) and read.bill.on is not None]
    pairs = []
    for trade_path, trade in bills:
        for fund_path, fund in bills:
            if not trade.layout.startswith("wechat.trade.ALL") or not fund.layout.startswith("wechat.fundflow.") or trade.on != fund.on:
                continue
            differences = verify_pair(trade, fund)
            pairs.append(
                {
                    "on": trade.on,
                    "trade": str(trade_path),
                    "fund": str(fund_path),
                    "agrees": all(difference.kind is PairKind.TIMING for difference in differences),
                    "differences": differences,
                }
            )
    return pairs


def _pair_line(pair: dict[str, Any]) -> str:
    said = "agree" if pair["agrees"] else "DIFFER"
    kinds = ", ".join(f"{d.kind} {d.reference}" for d in pair["differences"])
    return f"{pair['on']}: {pair['trade']} and {pair['fund']} {said}" + (f" ({kinds})" if kinds else "")


def _store(found: Sequence[Read], source: str | None, on: date | None) -> None:
    with context.at_work("reconcile") as caller:
        from yuefu.journeys import reconciliation
        from yuefu.reconciliation.commands import FileIn

        files = [FileIn(source or _source_of(read), read.data, on) for read in found]
        done = reconciliation.reconcile(desk=caller.for_the_book().desk, now=caller.now, files=files)
        results = [_stored(read, outcome) for read, outcome in zip(found, done, strict=True)]
        value: dict[str, Any] = {"book": caller.book.code, "files": results}
        failed = [one for one in results if "error" in one]
        if failed:
            value["error"] = failed[0]["error"]
        output.result(value, [_stored_line(one) for one in results])
    if failed:
        raise typer.Exit(FAILED)


def _source_of(read: Read) -> str:
    """A trade bill says what it is; a fund flow may be the channel's or a bank's, and is taken for the channel's."""
    from yuefu.reconciliation.rules.bills import Bill

    return "channel_trade" if isinstance(read.bill, Bill) and read.bill.layout.startswith("wechat.trade.") else "channel_fund"


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
        bridge = outcome.outcome.bridge
        value |= {
            "state": bridge.state,
            "bill_total": bridge.bill_total,
            "ledger_total": bridge.ledger_total,
            "differences": dict(bridge.differences),
            "residual": bridge.residual,
            "breaks_opened": outcome.outcome.opened,
            "breaks_resolved": outcome.outcome.resolved,
        }
    return value


def _stored_line(stored: dict[str, Any]) -> str:
    if "error" in stored:
        return f"{stored['error']['code']}: {stored['error']['detail']}"
    again = " (received before)" if stored["again"] else ""
    opened = stored.get("breaks_opened", 0)
    return f"{stored['path']}: {stored['source']} of {stored['on']}{again}, {opened} breaks opened, residual {stored.get('residual')}"
