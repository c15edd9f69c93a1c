"""What a file is is told from its bytes, however it is packed; a package that is damaged, hostile or another than was announced is refused."""

import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from yuefu.reconciliation.gateways import streams
from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.bills import BillError

BILLS = Path(__file__).parents[1] / "data" / "bills"
TRADE = (BILLS / "wechat_tradebill_ALL_20261001.csv").read_bytes()
FUND = (BILLS / "wechat_fundflow_BASIC_20261001.csv").read_bytes()
ALIPAY = (BILLS / "alipay_account_detail_20261001.utf8.csv").read_bytes()
ADYEN = (BILLS / "adyen_settlement_details_batch_42.csv").read_bytes()
KLARNA = (BILLS / "klarna_transactions.json").read_bytes()
MT940 = (BILLS / "bank_mt940_20261001.sta").read_bytes()


def refusal(data: bytes, sha1: str | None = None) -> BillError:
    with pytest.raises(BillError) as caught:
        read(data, sha1=sha1)
    assert caught.value.detail.endswith(".")
    return caught.value


def zipped(*contents: bytes, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return held.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zipped])
def test_a_file_is_read_plain_gzipped_or_zipped(pack: type[bytes]) -> None:
    assert read(pack(TRADE)) == [read_bill(TRADE)]
    assert read(pack(FUND)) == [read_bill(FUND)]


@pytest.mark.parametrize("data", [TRADE, FUND, ALIPAY, ADYEN, KLARNA, MT940], ids=["trade", "fund", "alipay", "adyen", "klarna", "mt940"])
def test_a_file_in_utf_16_or_with_lines_that_end_in_cr_alone_has_the_same_lines(data: bytes) -> None:
    lines = [bill.lines for bill in read(data)]
    text = data.decode()
    for other in (text.encode("utf-16"), ("\ufeff" + text).encode("utf-16-be"), text.replace("\r\n", "\n").replace("\n", "\r").encode()):
        (*found,) = read(other)
        assert [bill.lines for bill in found] == lines
        assert found[0].sha256 == hashlib.sha256(other).hexdigest()
    assert refusal(text.encode("utf-16")[:-1]).code == "truncated"


def test_what_a_mac_packs_beside_a_file_is_not_looked_at() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("bill.csv", TRADE)
        archive.writestr("__MACOSX/._bill.csv", b"\0\5\x16\7Mac OS X")
    assert read(held.getvalue()) == [read_bill(TRADE)]


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ("In file 2 of the zip file: The file is of no layout that is known (WeChat Pay, Alipay", zipped(TRADE, b"Read me first\n")),
        ("In file 2 of the zip file: The summary prints 退款总金额", zipped(FUND, TRADE.replace(b"`349.00", b"`349.01"))),
        ("packed file in the packed file", gzip.compress(gzip.compress(TRADE))),
        ("packed file in the packed file", zipped(gzip.compress(TRADE))),
        ("`yuefu match`", b"PAR1\x15\x04"),
    ],
    ids=["readme", "sum", "gzip in gzip", "gzip in zip", "parquet"],
)
def test_it_is_said_which_file_is_wrong_and_what_to_do(said: str, data: bytes) -> None:
    assert said in refusal(data).detail


def test_a_bill_without_lines_whose_summary_has_amounts_contradicts_itself() -> None:
    empty = (BILLS / "wechat_tradebill_ALL_empty.csv").read_bytes()
    assert refusal(empty.replace(b"`0,`0.00", b"`0,`0.01")).code == "summary_mismatch"


def test_a_line_of_spaces_holds_nothing() -> None:
    assert read(TRADE + b"   \r\n")[0].lines == read(TRADE)[0].lines


def test_a_zip_file_holds_several_bills_in_their_order() -> None:
    assert [bill.layout for bill in read(zipped(FUND, TRADE))] == ["wechat.fundflow.BASIC", "wechat.trade.ALL"]


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("truncated", zipped(TRADE)[:-30]),
        ("truncated", zipped(TRADE)[:100]),
        ("truncated", zipped(TRADE, how=zipfile.ZIP_STORED).replace(b"1299.00", b"1299.01", 1)),  # its own checksum
        ("truncated", b"PK\x03\x04"),
        ("truncated", zipped()),
        ("truncated", gzip.compress(TRADE)[:-9]),
        ("unknown_layout", zipped(zipped(TRADE))),
        ("unknown_layout", b"name,value\n1,2\n"),
        ("summary_mismatch", zipped(FUND, TRADE.replace(b"`349.00", b"`349.01"))),
    ],
    ids=[f"{n}" for n in range(9)],  # a zip file tells when it was made, and two processes have to name a test alike
)
def test_a_broken_package_is_refused_as_a_whole(code: str, data: bytes) -> None:
    assert refusal(data).code == code


def test_a_member_under_a_password_is_refused() -> None:
    packed = bytearray(zipped(TRADE))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(magic) + at] |= 1
    assert "encrypted" in refusal(bytes(packed)).detail


@pytest.mark.parametrize(
    "spoilt", [(b"PK\x01\x02", 42, b"\xff\xff\xff\x7f"), (b"PK\x01\x02", 10, b"\x0e\0"), (b"PK\x05\x06", 16, b"\xff\xff\xff\x7f")]
)
def test_a_zip_file_whose_directory_leads_nowhere_is_refused(spoilt: tuple[bytes, int, bytes]) -> None:
    magic, at, value = spoilt
    packed = bytearray(zipped(TRADE))
    place = packed.index(magic) + at
    packed[place : place + len(value)] = value
    assert refusal(bytes(packed)).code in ("truncated", "unknown_layout")


def test_a_zip_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped(TRADE[: TRADE.index(b"\n") + 1] + b"\n" * (8 << 20))
    monkeypatch.setattr(streams, "_RATIO_FREE_SIZE", 1 << 20)
    assert refusal(bomb).code == "too_large"
    monkeypatch.setattr(streams, "_SIZE_LIMIT", 1 << 20)
    assert "unpacks" in refusal(bomb).detail
    assert refusal(zipped(*[b""] * 101)).code == "too_large"


def test_the_checksum_that_came_along_is_over_the_unpacked_bytes() -> None:
    said = json.loads((BILLS / "wechat_tradebill_ALL_20261001.apply.json").read_bytes())["hash_value"]
    assert said == hashlib.sha1(TRADE, usedforsecurity=False).hexdigest()
    assert read(gzip.compress(TRADE), sha1=said.upper()) == read(TRADE, sha1=said)
    assert refusal(TRADE.replace("手机".encode(), "手表".encode()), sha1=said).code == "checksum_mismatch"
