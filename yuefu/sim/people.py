"""Who the customers of the log are, and how they behave: all of it follows from the seed and the customer's number."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from stdnum.cn.ric import calc_check_digit

from yuefu.consumers.commands import NewConsumer
from yuefu.consumers.rules import Consent
from yuefu.money.amounts import Money

Habit = Literal["punctual", "late", "partial", "never", "generous", "short_of_money"]

_HABITS: Final = (("punctual", 900), ("late", 45), ("partial", 15), ("never", 12), ("generous", 8), ("short_of_money", 20))
_TWO_TONGUES: Final = "failed_then_success"
_LIMITS: Final = (500_00, 1_000_00, 2_000_00, 5_000_00, 20_000_00)
# One region for each thousand of customer numbers, so that region, birth date and serial never meet twice.
_REGIONS: Final = (
    "110101", "110102", "110105", "110106", "110107", "110108", "110109", "120101", "120102", "120103", "120104", "120105", "120106",
    "120110", "120111", "120112", "120113", "310101", "310103", "310104", "310105", "310106", "310107", "310108", "310109", "310110",
)  # fmt: skip
_SURNAMES: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
_NAMES: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
_CONSENT: Final = Consent("credit_service", "2026-1", "4f1d" * 16)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of the log as the world knows them."""

    number: str
    new: NewConsumer
    limit: Money
    repayment_day: int
    habit: Habit
    shop: int
    lag_days: int


def customer(*, number: str, seed: int, as_of: date) -> Customer:
    """The person behind a customer number; the same for the same seed."""
    dice = random.Random(f"{seed}:{number}")
    born = as_of - timedelta(days=dice.randint(15 * 365, 64 * 365) if dice.random() < 0.02 else dice.randint(19 * 365, 60 * 365))
    habit: Habit = dice.choices([name for name, _ in _HABITS], [weight for _, weight in _HABITS])[0]  # type: ignore[assignment]
    new = NewConsumer(
        key=f"demo:{number}",
        external_ref=f"C{number}",
        name=dice.choice(_SURNAMES) + dice.choice(_NAMES) + dice.choice(("", dice.choice(_NAMES))),
        phone=f"1{dice.choice('3589')}{int(number):05d}{dice.randint(0, 9999):04d}",
        id_number=_id_number(born, number),
        is_student=dice.random() < 0.01,
        consents=(_CONSENT,),
    )
    return Customer(
        number=number,
        new=new,
        limit=Money(dice.choices(_LIMITS, (4, 16, 40, 30, 10))[0], "CNY"),
        repayment_day=dice.randint(1, 28),
        habit=habit,
        shop=dice.choices((0, 1, 2), (6, 3, 1))[0],
        lag_days=dice.randint(1, 12),
    )


def _id_number(born: date, number: str) -> str:
    """An invented identity number with a right check digit; the customer's number makes it the only one of its day and region."""
    body = f"{_REGIONS[int(number) // 1000]}{born:%Y%m%d}{int(number) % 1000:03d}"
    return body + calc_check_digit(body + "0")


def told_wrongly(one: Customer) -> str:
    """A card of which the channel says that it did not pay, and its bills that it did."""
    return f"card:{one.number}:{_TWO_TONGUES}"


def is_told_wrongly(card: str) -> bool:
    return card.endswith(f":{_TWO_TONGUES}")


def instrument(one: Customer, attempt: int) -> str:
    """The card at the sandbox channel: some are short of money the first time, a few answer late."""
    if one.habit == "short_of_money" and attempt == 1:
        return f"card:{one.number}:insufficient_funds"
    if int(one.number) % 97 == 0 and attempt == 1:
        return f"card:{one.number}:unknown_then_success"
    return f"card:{one.number}:ok"
