"""Whatever happens to a file on its way: it is read, or refused with a code; what is read adds up."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.rules.bills import Bill, BillError
from yuefu.reconciliation.rules.holding import hold

BILLS = Path(__file__).parents[1] / "data" / "bills"
SAMPLES = {path.name: path.read_bytes() for path in sorted(BILLS.iterdir())}
NAMES = sorted(SAMPLES)
PIECES = [
    b"",
    b"-",
    b"0",
    b",",
    b'"',
    b"`",
    b"\n",
    b"\t",
    b"e5",
    b".",
    b"#",
    b"\xff",
    b"\0",
    b"<",
    b"&",
    b"{",
    b"[",
    b"1e9",
    b"9" * 400,
    b"NaN",
]


def require_sums(bill: Bill) -> None:
    amounts = {line.line_no: line.amount.minor for line in bill.lines}
    assert bill.totals["lines"] == len(bill.lines)
    if bill.layout.startswith(("wechat.fundflow.", "alipay.account")):
        assert bill.totals["income"] - bill.totals["expense"] == sum(amounts.values())
    elif bill.layout.startswith("bank."):
        assert bill.totals["opening"] + sum(amounts.values()) == bill.totals["closing"]
    elif bill.layout != "alipay.summary":
        for kind, sign in (("payment", 1), ("refund", -1)):
            assert bill.totals[f"{kind}s"] == sign * sum(line.amount.minor for line in bill.lines if line.kind == kind)
    if bill.layout == "adyen.batch":
        assert sum(line.amount.minor - line.fee.minor for line in bill.lines) == 0


@st.composite
def hurt(draw: st.DrawFn) -> bytes:
    data = SAMPLES[draw(st.sampled_from(NAMES))]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 4)):
            case 0:
                data = data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]
            case 1:
                data = data[:at] + draw(st.sampled_from(PIECES)) + data[at + draw(st.integers(0, 20)) :]
            case 2:
                data = data[:at]
            case _:
                lines = data.split(b"\n")
                place = at % len(lines)
                data = b"\n".join(lines[:place] + lines[place : place + 1] * draw(st.sampled_from([0, 2])) + lines[place + 1 :])
    return data


def read_or_refuse(data: bytes) -> tuple[list[Bill], BillError | None]:
    try:
        return read(data), None
    except BillError as error:
        return [], error


@settings(max_examples=400, deadline=None)
@given(data=hurt())
def test_a_hurt_file_is_read_or_refused_and_what_is_read_adds_up(data: bytes) -> None:
    bills, refused = read_or_refuse(data)
    assert refused is None or (refused.detail.endswith(".") and refused.code.isidentifier())
    for bill in bills:
        require_sums(bill)
    hold(bills)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith((".md", ".xml", ".apply.json")) or "camt" in name])
def test_what_is_in_the_samples_adds_up(name: str) -> None:
    for bill in read(SAMPLES[name]):
        require_sums(bill)
