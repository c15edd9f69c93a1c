"""What people write wrong into a file: each is one clear error that names item and field, and nothing is done."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Command, Town
from tests.cli.samples import consumer, contract, merchant, product

Onboard = Callable[..., Answer]


def without(given: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in given.items() if other != name}


@pytest.fixture
def given(cli: Command, tmp_path: Path) -> Callable[..., Answer]:
    """`given(content, "merchant", "onboard")`: a command with a file of that content; bytes and texts are written as they are."""

    def run(content: Any, *words: str) -> Answer:
        path = tmp_path / "given.json"
        path.write_bytes(content if isinstance(content, bytes) else (content if isinstance(content, str) else json.dumps(content)).encode())
        return cli(*words, "--file", str(path))

    return run


def codes_of(cli: Command) -> set[str]:
    return {one["code"] for one in cli("merchant", "list").last["merchants"]}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"[1,]", "bad_json"),
        (b"{'a': 1}", "bad_json"),
        (b"NaN", "bad_json"),
        (b"[" * 200_000, "bad_json"),
        (b"9" * 5_000, "bad_json"),
        (b'{"code": "caf\xe9"}', "bad_encoding"),
        ('{"code": "唱片"}'.encode("gbk"), "bad_encoding"),
        ('{"code": "x"}'.encode("utf-16"), "bad_encoding"),
        (b"[]", "nothing_given"),
        (b"null", "wrong_type"),
        (b'"a text"', "wrong_type"),
        (b"3", "wrong_type"),
        (b"[1]", "wrong_type"),
        (b"[[]]", "wrong_type"),
        (b"[" + b"{}," * 5_000 + b"{}]", "too_many"),
    ],
)
@pytest.mark.parametrize("words", [("merchant", "onboard"), ("consumer", "register"), ("product", "draft")])
def test_a_file_that_is_none_is_one_clear_error(given: Callable[..., Answer], words: tuple[str, str], content: bytes, code: str) -> None:
    answer = given(content, *words)
    assert (answer.status, answer.code) == (1, code), answer.out[:300]
    assert len(answer.out.splitlines()) == 1
    assert len(answer.last["error"]["detail"]) < 200


def test_a_file_that_is_missing_or_too_large_is_said_so(cli: Command, tmp_path: Path) -> None:
    assert cli("merchant", "onboard", "--file", str(tmp_path / "none")).code == "no_such_file"
    assert cli("merchant", "onboard", "--file", str(tmp_path)).code == "not_a_file"
    with (tmp_path / "large").open("wb") as file:
        file.truncate((16 << 20) + 1)
    assert cli("merchant", "onboard", "--file", str(tmp_path / "large")).code == "too_large"


MERCHANTS: list[tuple[dict[str, Any], str, str]] = [
    (without(merchant(), "name_en"), "name_en", "missing_field"),
    (merchant(colour="red"), "colour", "unknown_field"),
    (merchant(code=7), "code", "wrong_type"),
    (merchant(code=None), "code", "wrong_type"),
    (merchant(code="Shop!"), "code", "code_invalid"),
    (merchant(name_zh="\u0000"), "name_zh", "text_invalid"),
    (merchant(name_zh="\ud800"), "name_zh", "text_invalid"),
    (merchant(name_zh="月" * 2_000), "name_zh", "text_invalid"),
    (merchant(uscc="91310000MA1K00100X"), "uscc", "uscc_invalid"),
    (merchant(settlement_account="12"), "settlement_account", "account_invalid"),
    (merchant(settlement_account=6222000000007391), "settlement_account", "wrong_type"),
    (merchant(settlement_account_kind="personal"), "settlement_account_kind", "account_not_corporate"),
    (merchant(contract=[]), "contract", "wrong_type"),
    (merchant(contract=without(contract(), "fee_rate")), "contract.fee_rate", "missing_field"),
    (merchant(contract=contract(fee_rat="1")), "contract.fee_rat", "unknown_field"),
    (merchant(contract=contract(fee_rate=0.6)), "contract.fee_rate", "wrong_type"),
    (merchant(contract=contract(fee_rate="0.60001")), "contract.fee_rate", "percent_invalid"),
    (merchant(contract=contract(fee_rate="-1")), "contract.fee_rate", "percent_invalid"),
    (merchant(contract=contract(fee_rate="999999.9999")), "contract.fee_rate", "percent_invalid"),
    (merchant(contract=contract(fee_rate="100")), "contract.fee_rate", "fee_rate_invalid"),
    (merchant(contract=contract(settlement_days=True)), "contract.settlement_days", "wrong_type"),
    (merchant(contract=contract(settlement_days=1.0)), "contract.settlement_days", "wrong_type"),
    (merchant(contract=contract(settlement_days=10**30)), "contract.settlement_days", "number_too_large"),
    (merchant(contract=contract(settlement_days=61)), "contract.settlement_days", "settlement_days_invalid"),
    (merchant(contract=contract(valid_from="2026-02-30")), "contract.valid_from", "bad_date"),
    (merchant(contract=contract(currency="USD")), "contract.currency", "currency_differs"),
    (merchant(contract=contract(currency="cny")), "contract.currency", "currency_differs"),
    (merchant(contract=contract(negative_limit="1e9")), "contract.negative_limit", "amount_exponent"),
    (merchant(contract=contract(negative_limit="9" * 30)), "contract.negative_limit", "amount_too_large"),
    (merchant(contract=contract(negative_limit="-1")), "contract.negative_limit", "negative_limit_invalid"),
    (merchant(contract=contract(channel="moon")), "contract.channel", "channel_invalid"),
    (merchant(contract=contract(discounts={})), "contract.discounts", "wrong_type"),
    (merchant(contract=contract(discounts=[{"periods": 3}])), "contract.discounts[0].rate", "missing_field"),
    (merchant(contract=contract(discounts=[{"periods": 3, "rate": "1"}] * 2)), "contract.discounts", "discount_invalid"),
    (merchant(key=" x"), "key", "key_invalid"),
    (merchant(key=5), "key", "wrong_type"),
]


@pytest.mark.parametrize(("wrong", "field", "code"), MERCHANTS)
def test_a_wrong_merchant_is_named_by_item_and_field_and_its_neighbours_wait(
    cli: Command, given: Callable[..., Answer], wrong: dict[str, Any], field: str, code: str
) -> None:
    good = [merchant(), merchant()]
    answer = given([good[0], good[1], wrong], "merchant", "onboard")
    assert (answer.status, answer.code) == (1, code), answer.out
    assert answer.last["error"]["detail"].startswith(f"[2].{field}: ")
    assert [item["state"] for item in answer.last["items"]] == ["not_done", "not_done", "refused"]
    assert answer.last["items"][2]["error"]["field"] == f"[2].{field}"
    assert not {one["code"] for one in good} & codes_of(cli)
    alone = given(wrong, "merchant", "onboard")
    assert (alone.code, alone.last["error"]["detail"].split(": ")[0]) == (code, field)


CONSUMERS: list[tuple[dict[str, Any], str, str]] = [
    (without(consumer(), "phone"), "phone", "missing_field"),
    (consumer(external_ref="两 个"), "external_ref", "external_ref_invalid"),
    (consumer(phone="12345"), "phone", "phone_invalid"),
    (consumer(phone=13800138000), "phone", "wrong_type"),
    (consumer(id_number="110101199605250045"), "id_number", "id_number_invalid"),
    (consumer(name=""), "name", "name_invalid"),
    (consumer(is_student="no"), "is_student", "wrong_type"),
    (consumer(consents=[{"purpose": "credit_service", "version": "1", "text_sha256": "abc"}]), "consents", "consent_invalid"),
    (consumer(consents=[{"purpose": "credit_service", "version": "1"}]), "consents[0].text_sha256", "missing_field"),
    (consumer(consents="all"), "consents", "wrong_type"),
]


@pytest.mark.parametrize(("wrong", "field", "code"), CONSUMERS)
def test_a_wrong_consumer_is_named_and_personal_data_is_not_repeated(
    given: Callable[..., Answer], cli: Command, wrong: dict[str, Any], field: str, code: str
) -> None:
    good = consumer()
    answer = given([good, wrong], "consumer", "register")
    assert (answer.status, answer.code) == (1, code), answer.out
    assert answer.last["error"]["detail"].startswith(f"[1].{field}: ")
    assert cli("consumer", "show", good["external_ref"]).code == "unknown_consumer"
    for name in ("name", "phone", "id_number"):
        secret = str(wrong.get(name) or "-none-")
        assert secret not in answer.out + answer.err


PRODUCTS: list[tuple[dict[str, Any], str, str]] = [
    (without(product(), "payer"), "payer", "missing_field"),
    (product(payer="state"), "payer", "payer_invalid"),
    (product(annual_rate=14.4), "annual_rate", "wrong_type"),
    (product(annual_rate="0"), "annual_rate", "rate_invalid"),
    (product(annual_rate="101"), "annual_rate", "rate_invalid"),
    (product(periods=[]), "periods", "periods_invalid"),
    (product(periods=[6, 3]), "periods", "periods_invalid"),
    (product(periods=[3, "6"]), "periods[1]", "wrong_type"),
    (product(periods=[3] * 2_000), "periods", "too_many"),
    (product(minimum="0"), "minimum", "amounts_invalid"),
    (product(minimum="10.001"), "minimum", "amount_too_many_decimals"),
    (product(currency="USD"), "currency", "currency_differs"),
    (product(day_count="act_360"), "day_count", "day_count_unknown"),
    (product(min_gap_days=0), "min_gap_days", "gap_invalid"),
    (product(rule_version="1999-1"), "rule_version", "rule_version_unknown"),
    (product(lender_en="\u0007"), "lender_en", "text_invalid"),
]


@pytest.mark.parametrize(("wrong", "field", "code"), PRODUCTS)
def test_a_wrong_product_is_named_and_none_is_drafted(
    given: Callable[..., Answer], cli: Command, wrong: dict[str, Any], field: str, code: str
) -> None:
    good = product()
    answer = given([wrong, good], "product", "draft")
    assert (answer.status, answer.code) == (1, code), answer.out
    assert answer.last["error"]["detail"].startswith(f"[0].{field}: ")
    assert good["code"] not in {one["code"] for one in cli("product", "list").last["products"]}


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ('{"code": "a1", "code": "a2"}', "code"),
        ('[{"code": "a1", "code": "a2"}]', "[0].code"),
        (json.dumps(merchant()).replace('"channel":', '"channel": "store", "channel":'), "contract.channel"),
    ],
)
def test_a_field_that_is_there_twice_is_named(given: Callable[..., Answer], content: str, path: str) -> None:
    answer = given(content, "merchant", "onboard")
    assert (answer.code, answer.last["error"]["detail"].split(": ")[0]) == ("duplicate_field", path)


def test_twins_of_a_file_are_refused_together(given: Callable[..., Answer], cli: Command) -> None:
    one = merchant()
    answer = given([one, {**one, "name_en": "Other"}], "merchant", "onboard")
    assert (answer.code, answer.last["items"][1]["error"]["field"]) == ("code_taken", "[1].code")
    assert one["code"] not in codes_of(cli)


def test_what_was_refused_can_be_mended_and_sent_again_with_its_key(given: Callable[..., Answer]) -> None:
    one, key = merchant(uscc="wrong"), "mend-" + merchant()["code"]
    assert given(one, "merchant", "onboard", "--key", key).code == "uscc_invalid"
    mended = given({**one, "uscc": merchant()["uscc"]}, "merchant", "onboard", "--key", key)
    assert (mended.status, mended.last["merchants"][0]["again"]) == (0, False)


def test_a_file_comes_from_standard_input_as_well(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(content: bytes) -> Answer:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        return cli("merchant", "onboard", "--file", "-")

    assert reading(b"\xef\xbb\xbf" + json.dumps(merchant()).encode()).status == 0  # as Windows writes it
    assert reading(b"\xff").last["error"]["detail"] == "standard input is not UTF-8: byte 0 of it is 0xff."


def test_people_read_one_line_for_each_fault(raw: Command, given: Callable[..., Answer], tmp_path: Path, town: Town) -> None:
    given([merchant(uscc="x"), merchant(code="!"), merchant()], "merchant", "onboard")
    answer = raw("merchant", "onboard", "--file", str(tmp_path / "given.json"), "--book", town.book)
    assert answer.status == 1
    assert [line.split(":")[0] for line in answer.out.splitlines()] == ["[0].uscc", "[1].code", "Nothing was changed"]
