"""The entry of the `yuefu` command: reads the shared options, runs one command, and turns whatever goes wrong into one clear sentence."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from yuefu.cli import (
    accounts,
    adjustments,
    aftersale,
    approvals,
    bench,
    bill,
    books,
    breaks,
    callbacks,
    chargeback,
    collect,
    collect_measures,
    conform,
    consumers,
    credit,
    day,
    debit,
    demo,
    dispute,
    evidence,
    freezes,
    imports,
    invoices,
    journal,
    ledger,
    loan,
    mandate,
    match,
    matrix,
    merchant_account,
    merchant_income,
    merchant_money,
    merchants,
    notices,
    order,
    paper,
    payees,
    payouts,
    people,
    plan,
    products,
    proofs,
    quarantine,
    quote,
    recon,
    reconcile,
    report,
    sandbox,
    serve,
    settlement,
    shares,
    stop,
    suspense,
    trace,
    webhooks,
)  # fmt: skip
from yuefu.cli.faults import FAILED, INTERRUPTED, Fault, fault_of
from yuefu.cli.output import Run, failure, result, running

ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EPILOG: Final = "Every command takes --json, --as USER, --book CODE and --home DIR, anywhere on the line."

app = typer.Typer(
    name="yuefu",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
    help="Buy now, pay later: from a purchase to reconciled cash.",
)


@app.callback()
def shared(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, on the last line of standard output.")] = False,
    login: Annotated[str, typer.Option("--as", metavar="USER", help="Act as this user, with the permissions of their role.")] = "",
    book: Annotated[str, typer.Option(metavar="CODE", help="The book to work in; not needed where there is only one.")] = "",
    home: Annotated[str, typer.Option(metavar="DIR", help="Where state is kept, instead of YUEFU_HOME.")] = "",
) -> None:
    """Taken from the line before it gets here (`_shared_options`), so that they may stand anywhere; declared so that help lists them."""
    del json, login, book, home


for group in (demo, trace, quote, reconcile, match, day, serve, bench, proofs, conform):
    group.register(app)
collect_measures.register(collect.app)
evidence.register(order.app)
freezes.register(settlement.app)
merchant_account.register(merchants.app)
merchant_income.register(merchants.app)
adjustments.register(settlement.app)
merchant_money.register(merchants.app)
imports.register_export(loan.app)
for name, group_app in (
    ("book", books.app),
    ("account", accounts.app),
    ("product", products.app),
    ("merchant", merchants.app),
    ("consumer", consumers.app),
    ("credit", credit.app),
    ("bill", bill.app),
    ("order", order.app),
    ("aftersale", aftersale.app),
    ("chargeback", chargeback.app),
    ("dispute", dispute.app),
    ("ledger", ledger.app),
    ("journal", journal.app),
    ("loan", loan.app),
    ("import", imports.app),
    ("paper", paper.app),
    ("settlement", settlement.app),
    ("report", report.app),
    ("payee", payees.app),
    ("share", shares.app),
    ("invoice", invoices.app),
    ("payout", payouts.app),
    ("mandate", mandate.app),
    ("debit", debit.app),
    ("collect", collect.app),
    ("suspense", suspense.app),
    ("notice", notices.app),
    ("plan", plan.app),
    ("user", people.user_app),
    ("key", people.key_app),
    ("approval", approvals.approval_app),
    ("setting", approvals.setting_app),
    ("break", breaks.app),
    ("recon", recon.app),
    ("stop", stop.app),
    ("quarantine", quarantine.app),
    ("webhooks", webhooks.app),
    ("callback", callbacks.app),
    ("sandbox", sandbox.app),
    ("matrix", matrix.app),
):
    app.add_typer(group_app, name=name)


def run() -> NoReturn:
    """What the installed script calls."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    for sign in ENDINGS:
        signal.signal(sign, _interrupt)
    # A batch makes tens of thousands of small values that live until its commit; by default the collector would search them all,
    # many times a batch, for cycles that frozen values do not make.
    gc.set_threshold(100_000, 50, 100)
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns its exit status. Prints nothing but its result on standard output."""
    this = Run(as_json="--json" in _before_dashes(argv), stdout=sys.stdout, request_id=secrets.token_hex(8))
    with running(this):
        status, fault = _guarded(this, argv)
    try:
        if fault is not None:
            failure(this, fault)
        elif this.as_json and not this.printed:
            with running(this):
                result({"ok": status == 0})
    except SystemExit as ending:  # nobody reads any more
        return _status(ending)
    return status


def _guarded(this: Run, argv: Sequence[str]) -> tuple[int, Fault | None]:
    try:
        status = _command()(_shared_options(this, argv))
    except SystemExit as ending:
        return _status(ending), None
    except BaseException as error:  # noqa: BLE001 - this is the edge: whatever it is becomes one sentence and a status
        fault = fault_of(error, this.request_id)
        _log(error, fault, this.request_id)
        return fault.status, fault
    if status == INTERRUPTED and not this.printed:
        return status, fault_of(KeyboardInterrupt())
    return status, None


def _status(ending: SystemExit) -> int:
    return ending.code if isinstance(ending.code, int) else FAILED


@functools.cache
def _command() -> Callable[[list[str]], int]:
    """Reads a line and runs its command. Made once a process: putting some 170 commands together takes a tenth of a second."""
    command = typer.main.get_command(app)

    def call(rest: list[str]) -> int:
        returned: Any = command.main(rest, prog_name="yuefu", standalone_mode=False)
        return returned if isinstance(returned, int) else 0

    return call


def _before_dashes(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


def _shared_options(this: Run, argv: Sequence[str]) -> list[str]:
    """Takes --json, --as, --book and --home from wherever they stand before `--`; the rest is the command's."""
    taken: dict[str, str] = {}
    before = list(_before_dashes(argv))
    rest: list[str] = []
    while before:
        word = before.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            continue
        if name not in {"--as", "--book", "--home"}:
            rest.append(word)
            continue
        if not equals:
            if not before or before[0].startswith("--"):
                raise typer.BadParameter(f"option {name} requires a value")
            value = before.pop(0)
        if not value.strip():
            raise typer.BadParameter(f"option {name} requires a value")
        taken[name] = value
    this.login, this.book = taken.get("--as"), taken.get("--book")
    this.home = Path(taken["--home"]).expanduser() if "--home" in taken else None
    return [*rest, *argv[len(_before_dashes(argv)) :]]


def _log(error: BaseException, fault: Fault, request_id: str) -> None:
    """What nobody expected leaves a line in the log; where anything happened is logged only for whoever asks (YUEFU_LOG=DEBUG)."""
    unexpected = fault.code == "internal_error"
    if not unexpected and os.environ.get("YUEFU_LOG", "").upper() != "DEBUG":
        return
    from yuefu.cli.installation import configure_logs
    from yuefu.runtime.logs import logger

    configure_logs()
    log = logger(__name__)
    if unexpected:
        log.error("unexpected error", request_id=request_id, kind=type(error).__name__)
    log.debug("command failed", request_id=request_id, code=fault.code, exc_info=error)


def _interrupt(*_: object) -> None:
    """SIGTERM and a closed terminal end a command as Ctrl-C does: what it began is undone and what it started is stopped.

    Once is enough: a second signal would interrupt just that.
    """
    for sign in ENDINGS:
        signal.signal(sign, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    run()
