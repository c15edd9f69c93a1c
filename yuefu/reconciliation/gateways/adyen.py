"""Reads Adyen's settlement details: each row with what it was in the shopper's currency and what is left of it in ours.

Source: the public documentation of the settlement details report. A batch with its payout adds up to nothing, or it is not whole.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.cells import FEE_PLACES, places_of_stated, plain_text, read_fee, read_minor, read_moment
from yuefu.reconciliation.gateways.grouping import Group, bills_of
from yuefu.reconciliation.gateways.streams import Source
from yuefu.reconciliation.gateways.tables import Found, is_blank, places_of_columns, require_width, rows_below
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

_FEES: Final = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")
_REQUIRED: Final = (
    *("Merchant Account", "Psp Reference", "Merchant Reference", "Creation Date", "Type", "Modification Reference"),
    *("Gross Currency", "Gross Debit (GC)", "Gross Credit (GC)", "Net Currency", "Net Debit (NC)", "Net Credit (NC)"),
    *_FEES,
    "Batch Number",
)
_USUAL: Final = (*_REQUIRED, "Company Account", "Payment Method", "TimeZone", "Exchange Rate")
KNOWN = frozenset((*_USUAL, "Journal Type"))
_KINDS: Final[Mapping[str, str]] = {
    "Settled": "payment",
    "SettledBulk": "payment",
    "SettledInInstallments": "payment",
    "Refunded": "refund",
    "RefundedBulk": "refund",
    "Chargeback": "chargeback",
    "SecondChargeback": "chargeback",
    "ChargebackReversed": "chargeback_reversed",
    "Fee": "fee",
    "MiscCosts": "fee",
    "PaymentCost": "fee",
    "InvoiceDeduction": "fee",
    "MerchantPayout": "payout",
    "BalanceTransfer": "balance_transfer",
    "Balancetransfer": "balance_transfer",
    "DepositCorrection": "reserve",
    "ReserveAdjustment": "reserve",
}


def read_source(source: Source, currency: str | None, found: Found) -> list[Bill]:
    """A bill for each merchant account, currency and batch; checked are each row in itself and the sum of each batch."""
    rows = _Rows(found, currency)
    groups: dict[Group, list[BillLine]] = defaultdict(list)
    for line_no, values in rows_below(source, found):
        if not is_blank(values):
            require_width(values, len(found.names), line_no)
            group, line = rows.read(line_no, [value.strip() for value in values])
            groups[group].append(line)
    if not groups:
        raise BillError("truncated", "The file has a header and no rows: a settled batch has at least its payout.")
    for group, lines in groups.items():
        left = sum(line.amount.minor - line.fee.minor for line in lines)
        if left:
            text = plain_text(left, rows.places[group[1]])
            detail = f"Batch {group[2][:20]} adds up to {text} {group[1]} with its payout, not to nothing: fetch it again."
            raise BillError("summary_mismatch", detail)
    return bills_of(layout="adyen.batch", groups=groups, totals={}, sha256=source.sha256(), currency=currency)


class _Rows:
    def __init__(self, found: Found, currency: str | None) -> None:
        self._at = places_of_columns(found, {}, _REQUIRED, _USUAL)
        self._wanted = currency
        self.places: dict[str, int] = {}
        self._payouts: set[tuple[str, ...]] = set()

    def read(self, line_no: int, values: Sequence[str]) -> tuple[Group, BillLine]:
        at = self._at
        currency, type_ = values[at["Net Currency"]], values[at["Type"]]
        places = self._places(currency, line_no)
        kind = _KINDS.get(type_, "other")
        if kind == "payout":
            self._require_once(line_no, values)
        minor, fee = self._amounts(line_no, values, currency, places)
        occurred_at = read_moment(values[at["Creation Date"]], line_no)
        psp, modification = values[at["Psp Reference"]], values[at["Modification Reference"]]
        own = values[at["Modification Merchant Reference"]] if kind == "refund" and "Modification Merchant Reference" in at else ""
        batch = values[at["Batch Number"]]
        if not batch:
            raise BillError("missing_column", f"Line {line_no} has no Batch Number.", line_no)
        line = BillLine(
            line_no=line_no,
            kind=kind,
            reference=own or values[at["Merchant Reference"]],
            # What is of no payment has a text in place of a number, the same in every batch.
            provider_id=(modification or psp) if psp else f"{batch}/{line_no}",
            business_id=psp,
            occurred_at=occurred_at,
            occurred_on=occurred_at.date(),
            amount=Money(minor, currency),
            fee=Money(fee, currency),
            status="",
            balance=None,
        )
        return (values[at["Merchant Account"]], currency, batch), line

    def _require_once(self, line_no: int, values: Sequence[str]) -> None:
        """A batch that stands twice with its payout adds up to nothing once more."""
        payout = tuple(values)
        if payout in self._payouts:
            raise BillError("doubled_line", f"Line {line_no} is a payout that stood in the file before: fetch it again.", line_no)
        self._payouts.add(payout)

    def _places(self, currency: str, line_no: int) -> int:
        if currency not in self.places:
            self.places[currency] = places_of_stated(currency, line_no)
        if self._wanted not in (None, currency):
            raise BillError("other_currency", f"Line {line_no} is in {currency}, the file is read in {self._wanted}.", line_no)
        return self.places[currency]

    def _amounts(self, line_no: int, values: Sequence[str], currency: str, places: int) -> tuple[int, int]:
        """The amount before fees and the fees, in our currency: what is left is what the row prints as net.

        Fees may have more decimals than the currency; what they are together is then what lies between gross and net.
        """
        net = self._signed(line_no, values, "Net Debit (NC)", "Net Credit (NC)", places)
        printed = sum(read_fee(values[self._at[name]], places, line_no)[1] for name in _FEES if values[self._at[name]])
        fee = read_fee(plain_text(printed, places + FEE_PLACES), places, line_no)[0]
        has_gross = values[self._at["Gross Debit (GC)"]] or values[self._at["Gross Credit (GC)"]]
        gross_currency = values[self._at["Gross Currency"]]
        if has_gross and gross_currency != currency:
            places_of_stated(gross_currency, line_no)
        if not has_gross or gross_currency != currency:
            return net + fee, fee
        gross = self._signed(line_no, values, "Gross Debit (GC)", "Gross Credit (GC)", places)
        allowed = 1 if printed % 10**FEE_PLACES else 0
        if abs(gross - fee - net) > allowed:
            detail = (
                f"Line {line_no} prints {plain_text(net, places)} net, its gross amount and fees make {plain_text(gross - fee, places)}."
            )
            raise BillError("summary_mismatch", detail, line_no)
        return gross, gross - net

    def _signed(self, line_no: int, values: Sequence[str], debit: str, credit: str, places: int) -> int:
        # A fee is 7.5 where an amount is 5.00: decimals that are zeros may be left out.
        out, into = (read_minor(values[self._at[name]] or "0", places, line_no) for name in (debit, credit))
        if out < 0 or into < 0 or (out and into):
            raise BillError("bad_amount", f"Line {line_no} has both {debit} and {credit}, or one below nothing.", line_no)
        return into - out
