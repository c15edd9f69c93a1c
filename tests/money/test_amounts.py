import copy
import operator
import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.money.amounts import Money, MoneyError, total
from yuefu.money.currencies import EXPONENTS

minors = st.integers(-(10**15), 10**15)
halves = st.integers(-(10**15) // 2, 10**15 // 2)
currencies = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize("minor", [1.0, True, False, "1", None, 10**3 / 1])
def test_an_amount_that_is_not_a_true_int_is_refused(minor: object) -> None:
    with pytest.raises(MoneyError) as caught:
        Money(minor, "CNY")  # type: ignore[arg-type]
    assert caught.value.code == "minor_not_integer"


@pytest.mark.parametrize("currency", ["", "cny", "RMB", "XAU", "XXX", "HRK", "CNY ", None, 156, ["CNY"]])
def test_an_unknown_or_inactive_currency_is_refused(currency: object) -> None:
    with pytest.raises(MoneyError) as caught:
        Money(1, currency)  # type: ignore[arg-type]
    assert caught.value.code == "currency_unknown"


def test_an_amount_may_reach_ten_to_the_fifteenth_and_not_one_minor_unit_more() -> None:
    assert Money(10**15, "CNY").minor == 10**15
    assert Money(-(10**15), "CNY").minor == -(10**15)
    for minor in (10**15 + 1, -(10**15) - 1):
        with pytest.raises(MoneyError) as caught:
            Money(minor, "CNY")
        assert caught.value.code == "amount_too_large"
    with pytest.raises(MoneyError):
        Money(10**15, "CNY") + Money(1, "CNY")


def test_an_amount_cannot_be_changed_and_survives_copying_and_pickling() -> None:
    money = Money(199900, "CNY")
    with pytest.raises(FrozenInstanceError):
        money.minor = 1  # type: ignore[misc]
    assert copy.deepcopy(money) == money
    assert pickle.loads(pickle.dumps(money)) == money
    assert {money: 1}[Money(199900, "CNY")] == 1


def test_an_error_of_money_survives_pickling_with_its_code() -> None:
    error = pickle.loads(pickle.dumps(MoneyError("amount_empty", "The amount is empty.")))
    assert (error.code, str(error)) == ("amount_empty", "The amount is empty.")


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_do_not_mix_and_the_error_names_both(operation: str) -> None:
    with pytest.raises(ValueError, match=r"CNY and USD"):
        getattr(Money(1, "CNY"), operation)(Money(1, "USD"))


def test_amounts_of_two_currencies_are_never_equal() -> None:
    assert Money(0, "CNY") != Money(0, "USD")


def test_an_amount_does_not_mix_with_a_bare_number() -> None:
    for operation in (operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(TypeError):
            operation(Money(1, "CNY"), 1)


@given(halves, halves, currencies)
def test_sums_differences_and_order_are_those_of_the_minor_units(a: int, b: int, currency: str) -> None:
    one, other = Money(a, currency), Money(b, currency)
    assert (one + other).minor == a + b
    assert (one - other).minor == a - b
    assert (-one).minor == -a
    assert (one < other, one <= other, one > other, one >= other) == (a < b, a <= b, a > b, a >= b)
    assert bool(one) == (a != 0)


def test_a_total_adds_up_is_zero_for_nothing_and_refuses_a_stranger() -> None:
    assert total([Money(1, "CNY"), Money(2, "CNY")], "CNY") == Money(3, "CNY")
    assert total([], "JPY") == Money.zero("JPY")
    with pytest.raises(ValueError, match="CNY and USD"):
        total([Money(1, "CNY"), Money(2, "USD")], "CNY")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1999.00", "CNY", 199900),
        ("1999", "CNY", 199900),
        ("1999.5", "CNY", 199950),
        ("0.01", "CNY", 1),
        ("-0.05", "CNY", -5),
        ("-0", "CNY", 0),
        ("1999", "JPY", 1999),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("10000000000000.00", "CNY", 10**15),
    ],
)
def test_a_plain_decimal_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "amount_empty"),
        ("  ", "amount_empty"),
        ("NaN", "amount_not_a_number"),
        ("Infinity", "amount_not_a_number"),
        ("abc", "amount_not_a_number"),
        (".5", "amount_not_a_number"),
        ("5.", "amount_not_a_number"),
        ("+5", "amount_not_a_number"),
        ("--5", "amount_not_a_number"),
        ("¥5", "amount_not_a_number"),
        (5, "amount_not_a_number"),
        (5.0, "amount_not_a_number"),
        (None, "amount_not_a_number"),
        ("1e3", "amount_exponent"),
        ("1.5E-2", "amount_exponent"),
        ("1,999.00", "amount_separator"),
        ("1 999", "amount_separator"),
        ("1_999", "amount_separator"),
        ("1.999.00", "amount_separator"),
        ("5\n", "amount_separator"),
        ("１９９９", "amount_foreign_digits"),
        ("٣", "amount_foreign_digits"),
        ("1.999", "amount_too_many_decimals"),
        ("1.990", "amount_too_many_decimals"),
        ("10000000000000.01", "amount_too_large"),
        ("9" * 500, "amount_too_large"),
    ],
)
def test_a_text_that_is_not_a_plain_decimal_is_refused_with_its_reason(text: str, code: str) -> None:
    with pytest.raises(MoneyError) as caught:
        Money.parse(text, "CNY")
    assert caught.value.code == code


def test_a_yen_has_no_decimals_and_an_unknown_currency_cannot_be_parsed() -> None:
    for text, currency, code in (("5.0", "JPY", "amount_too_many_decimals"), ("5", "RMB", "currency_unknown")):
        with pytest.raises(MoneyError) as caught:
            Money.parse(text, currency)
        assert caught.value.code == code


@given(minors, currencies)
def test_what_is_written_is_read_back_the_same(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(money.decimal_text(), currency) == money


@given(st.text(max_size=50))
def test_any_text_is_either_an_amount_or_refused_with_a_code(text: str) -> None:
    try:
        outcome: Money | str = Money.parse(text, "CNY")
    except MoneyError as error:
        outcome = error.code
    assert isinstance(outcome, Money) or outcome.startswith("amount_")


def test_the_decimal_text_has_all_decimals_of_the_currency() -> None:
    assert [Money(n, "CNY").decimal_text() for n in (199900, 5, -5, 0)] == ["1999.00", "0.05", "-0.05", "0.00"]
    assert Money(1999, "JPY").decimal_text() == "1999"
    assert Money(5, "KWD").decimal_text() == "0.005"
    assert str(Money(199900, "CNY")) == "1999.00 CNY"


def test_the_exponents_are_those_of_iso_4217() -> None:
    assert {c: EXPONENTS[c] for c in ("CNY", "USD", "JPY", "KRW", "KWD", "BHD", "CLF", "ISK")} == {
        "CNY": 2, "USD": 2, "JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3, "CLF": 4, "ISK": 0,
    }  # fmt: skip
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in EXPONENTS)


@pytest.mark.parametrize("currency", sorted({EXPONENTS[code]: code for code in sorted(EXPONENTS)}.values()))
def test_a_tenth_is_exact_whatever_the_precision_bl_prec_02(currency: str) -> None:
    exponent = EXPONENTS[currency]
    if not exponent:
        with pytest.raises(MoneyError):
            Money.parse("0.1", currency)
        return
    assert Money.parse("0.1", currency).minor == 10 ** (exponent - 1)


def test_a_large_amount_with_cents_is_exact_bl_prec_06() -> None:
    assert Money.parse("123456789.99", "CNY").minor == 12345678999
