"""Amounts, days and ids that people type wrong."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command, Town

WRONG_AMOUNTS = [
    ("", "amount_empty"),
    (" ", "amount_empty"),
    ("abc", "amount_not_a_number"),
    ("NaN", "amount_not_a_number"),
    ("inf", "amount_not_a_number"),
    ("1e5", "amount_exponent"),
    ("1,999.00", "amount_separator"),
    ("１９９９", "amount_foreign_digits"),
    ("19.999", "amount_too_many_decimals"),
    ("99999999999999999.00", "amount_too_large"),
    ("9" * 60, "amount_too_large"),
    ("0", "amount_not_positive"),
    ("0.00", "amount_not_positive"),
    ("-5", "amount_not_positive"),
    ("--5", "amount_not_a_number"),
    ("+5", "amount_not_a_number"),
    ("0x10", "amount_not_a_number"),
    ("1'; DROP TABLE orders_order; --", "amount_not_a_number"),
]


@pytest.mark.parametrize(("text", "code"), WRONG_AMOUNTS)
def test_an_amount_that_is_none_is_refused_with_its_own_code(cli: Command, text: str, code: str) -> None:
    answer = cli("quote", "--amount", text, "--periods", "3")
    assert (answer.status, answer.code) == (1, code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--currency", "XXX"), "currency_unknown"),
        (("--currency", "cny"), "currency_unknown"),
        (("--currency", "USD"), "currency_differs"),
        (("--product", "gold"), "unknown_product"),
        (("--merchant", "nobody"), "unknown_merchant"),
        (("--consumer", "nobody"), "unknown_consumer"),
        (("--language", "fr"), "unknown_language"),
    ],
)
def test_a_quote_of_something_unknown_says_what(cli: Command, words: tuple[str, ...], code: str) -> None:
    answer = cli("quote", "--amount", "1999.00", "--periods", "3", *words)
    assert (answer.status, answer.code) == (1, code)


@pytest.mark.parametrize("periods", ["0", "1", "37", "-3", "99999999999999999999"])
def test_periods_that_nobody_offers_are_refused(cli: Command, periods: str) -> None:
    answer = cli("quote", "--amount", "1999.00", "--periods", periods)
    assert (answer.status, answer.code) == (1, "periods_not_offered")


def test_a_quote_adds_up_to_the_cent_and_is_kept(cli: Command, town: Town) -> None:
    answer = cli("quote", "--amount", "1999.00", "--periods", "3", "--product", "free")
    assert answer.status == 0
    assert answer.last["label"] == "¥666.33 × 2 + ¥666.34 = ¥1,999.00"
    assert sum(row["total"]["minor"] for row in answer.last["instalments"]) == 199900
    assert answer.last["quote"].startswith("quo_")
    assert answer.last["disclosure"].startswith("dis_")


@pytest.mark.parametrize(("language", "words"), [("zh", "还款总额: 1999.00 CNY"), ("en", "Total to be repaid: 1999.00 CNY")])
def test_a_cost_table_is_printed_in_the_language_that_is_kept(raw: Command, cli: Command, town: Town, language: str, words: str) -> None:
    said = ("quote", "--amount", "1999.00", "--periods", "3", "--language", language)
    printed = raw(*said, "--book", town.book).out.splitlines()
    assert words in printed
    assert printed[-1].startswith("quote quo_")
    assert cli(*said).last["language"] == language


@pytest.mark.parametrize("text", ["2026-13-01", "2026-2-3", "yesterday", "２０２６-10-01", "2026-10-01T00:00", "20261001"])
def test_a_day_is_written_in_one_way_only(cli: Command, text: str) -> None:
    answer = cli("ledger", "trial-balance", "--on", text)
    assert answer.code == "bad_date"
    assert answer.status == 1


@pytest.mark.parametrize("text", ["loan_1", "ord_01m838z2g0fyvaeekzxfs1k950", "", "loan_" + "z" * 26, "x" * 500])
def test_an_id_of_another_kind_is_no_loan(cli: Command, text: str) -> None:
    answer = cli("repay", text)
    assert (answer.status, answer.code) == (1, "bad_id")
