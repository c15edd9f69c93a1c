"""How people of the sandbox behave, chosen by their e-mail address: `consumer+BEHAVIOUR@test.example`, or `consumer+BEHAVIOUR+TAG@test.example` for
another person of the same kind. A name means the same for ever; new ones may come. Pure.

Nothing here answers anything by itself. A behaviour says what somebody is registered with (age, credit account, marks, a mandate whose instrument the
sandbox channel treats in a certain way) and what they do on which day; the decision, the debits and the loans are the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

from stdnum.cn.ric import calc_check_digit

from yuefu.errors import Refused

UNKNOWN_FIXTURE: Final = "unknown_fixture"  # the address names no behaviour
FIXTURE_TAKEN: Final = "fixture_taken"  # no invented person was free; another tag gives another one

LIMIT_MINOR: Final = 1_000_000_00
SMALL_LIMIT_MINOR: Final = 1_00
REPAYMENT_DAY: Final = 25
CARD: Final = "card:6217:ok"
"""With what they pay who pay by themselves."""

_EMAIL = re.compile(r"consumer\+([a-z0-9_]{1,40})(?:\+([a-z0-9-]{1,20}))?@test\.example")
_REGIONS: Final = ("110101", "110105", "110106", "110107", "110108", "110109", "120101", "310101")
_SURNAMES: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
_NAMES: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
_USUAL_AGE: Final = 30

Credit = Literal["active", "frozen", "none"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Somebody of a kind. `reasons` are those for which their orders are declined; none where they are approved.

    `mandate` is the word of the instrument that they sign (`payments.gateways.sandbox_mandates`); None where they sign none. The days count from the due day
    (`pays_after`, `rest_after`), from the capture (`settles_after`, `returns_after`, `contests_after`), from the day on which they contested
    (`withdraws_after`) or on which the first payment came (`takes_back_after`), or was taken back (`comes_back_after`). None: they do not. `ruling` is how what
    they contest is ruled, once its merchant has answered.
    """

    name: str
    zh: str
    en: str
    reasons: tuple[str, ...] = ()
    limit_minor: int = LIMIT_MINOR
    credit: Credit = "active"
    age: int = _USUAL_AGE
    student: bool = False
    closed: bool = False
    mark: Literal["", "fraud", "review"] = ""
    mandate: str | None = None
    pays_after: int | None = None
    pays_part: bool = False
    rest_after: int | None = None
    first_only: bool = False
    settles_after: int | None = None
    returns_after: int | None = None
    contests: str = ""
    contests_after: int | None = None
    ruling: Literal["", "won", "lost"] = ""
    withdraws_after: int | None = None
    takes_back_after: int | None = None
    taken_back_for: str = ""
    comes_back_after: int | None = None

    @property
    def acts(self) -> bool:
        """Whether they do anything by themselves."""
        days = (self.pays_after, self.settles_after, self.returns_after, self.contests_after, self.takes_back_after)
        return any(day is not None for day in days) or self.mark == "review"


def _all(*behaviours: Behaviour) -> Mapping[str, Behaviour]:
    return {one.name: one for one in behaviours}


_SHORT: Final = "insufficient_funds"

BEHAVIOURS: Final[Mapping[str, Behaviour]] = _all(
    Behaviour("approved", "通过；每期到期日由代扣足额扣款", "Approved; each instalment is taken by mandate on its day", mandate="ok"),
    Behaviour("pays_by_hand", "通过；未签代扣，每期到期日自行还款", "Approved; signs no mandate and pays by card on each due day", pays_after=0),
    Behaviour("declined", "婉拒：信用账户已冻结", "Declined: the credit account is frozen", ("account_frozen",), credit="frozen"),
    Behaviour("student", "婉拒：在校学生", "Declined: a student", ("student",), student=True),
    Behaviour("under_age", "婉拒：未达年龄", "Declined: too young", ("under_age",), age=10),
    Behaviour("over_age", "婉拒：超出年龄", "Declined: too old", ("over_age",), age=80),
    Behaviour("closed", "婉拒：用户已注销", "Declined: closed their account with us", ("consumer_closed",), closed=True),
    Behaviour("no_account", "婉拒：未开通额度", "Declined: has no credit account", ("no_credit_account",), credit="none"),
    Behaviour("insufficient_limit", "婉拒：额度 1.00 元", "Declined: a limit of 1.00", ("limit",), limit_minor=SMALL_LIMIT_MINOR),
    Behaviour("fraud", "婉拒：疑似欺诈", "Declined: suspected of fraud", ("suspected_fraud",), mark="fraud"),
    Behaviour(
        "referred", "先婉拒：审核中；时钟走到次日中午即审核通过，可再次下单",
        "Declined while under review; from noon of the next day on, another order is approved", ("under_review",), mark="review", mandate="ok",
    ),
    Behaviour("pays_late_d1", "代扣余额不足，逾期 1 天后自行还款", "Debits find no money; pays by card one day late", mandate=_SHORT, pays_after=1),
    Behaviour("pays_late_d7", "代扣余额不足，逾期 7 天后自行还款", "Debits find no money; pays by card seven days late", mandate=_SHORT, pays_after=7),
    Behaviour("pays_late_d30", "代扣余额不足，逾期 30 天后自行还款", "Debits find no money; pays by card thirty days late", mandate=_SHORT, pays_after=30),
    Behaviour(
        "pays_partly", "未签代扣；到期日还一半，10 天后还其余", "Signs no mandate; pays half on the due day and the rest ten days later",
        pays_after=0, pays_part=True, rest_after=10,
    ),
    Behaviour("pays_first_only", "自行还首期，此后不再还款", "Pays the first instalment by card and none after it", pays_after=0, first_only=True),
    Behaviour("defaults", "代扣余额不足，从不还款", "Debits find no money; never pays", mandate=_SHORT),
    Behaviour("pays_early", "请款 3 天后提前结清", "Pays the whole loan off three days after the capture", mandate="ok", settles_after=3),
    Behaviour(
        "returns", "请款 2 天后申请退货，其后三天依次同意、收货、退款",
        "Asks to return everything two days after the capture; agreed, in hand and refunded on the next three days",
        mandate="ok", returns_after=2,
    ),
    Behaviour(
        "disputes_goods_not_received", "请款次日以未收到货提出争议；商户答复后下一个中午裁定商户胜，逾期不答则商户败",
        "Contests the purchase a day after the capture: goods not received. Once answered, ruled for the merchant at the next noon",
        mandate="ok", contests="goods_not_received", contests_after=1, ruling="won",
    ),
    Behaviour(
        "disputes_unauthorised", "请款次日以非本人交易提出争议；商户答复后下一个中午裁定商户败",
        "Contests the purchase a day after the capture: not authorised. Once answered, ruled against the merchant at the next noon",
        mandate="ok", contests="unauthorised", contests_after=1, ruling="lost",
    ),
    Behaviour(
        "disputes_and_withdraws", "请款次日以商品有瑕疵提出争议，5 天后撤回",
        "Contests the purchase a day after the capture: faulty goods. Withdraws that five days later",
        mandate="ok", contests="faulty_goods", contests_after=1, withdraws_after=5,
    ),
    Behaviour(
        "payment_taken_back", "首次扣款 2 天后被银行拒付，该期重新欠款", "The bank takes the first payment back two days later: it is owed again",
        mandate="ok", takes_back_after=2, taken_back_for="unauthorised",
    ),
    Behaviour(
        "payment_taken_back_and_returned", "首次扣款 2 天后被银行拒付，再 10 天后款项返回",
        "The bank takes the first payment back two days later; ten days after that it comes back",
        mandate="ok", takes_back_after=2, taken_back_for="faulty_goods", comes_back_after=10,
    ),
    Behaviour("mandate_refused", "拒签代扣，到期日自行还款", "Refuses the mandate; pays by card on each due day", mandate="sign_refused", pays_after=0),
    Behaviour(
        "mandate_lost", "签约后代扣失效，逾期 5 天后自行还款", "The mandate is lost after it was signed; pays by card five days late",
        mandate="mandate_lost", pays_after=5,
    ),
    Behaviour("funds_at_second", "首次代扣余额不足，其后成功", "The first debit finds no money, those after it succeed", mandate="funds_at_second"),
    Behaviour("answers_late", "代扣当天无结果，次日查到成功", "The channel says nothing of a debit until the next day: it succeeded", mandate="late_success"),
    Behaviour("refund_fails_once", "首次退款被拒，再退成功", "The first refund of a payment is refused, the next succeeds", mandate="refund_fails_once"),
    Behaviour("refund_fails", "退款总是被拒", "Every refund of a payment is refused", mandate="refund_fails"),
)  # fmt: skip


def behaviour_of(email: str) -> Behaviour | Refused:
    """The behaviour that an address names."""
    match = _EMAIL.fullmatch(email)
    found = BEHAVIOURS.get(match[1]) if match else None
    if found is None:
        form = "consumer+BEHAVIOUR@test.example or consumer+BEHAVIOUR+TAG@test.example"
        return Refused(UNKNOWN_FIXTURE, f"an address is {form}, with one of {', '.join(BEHAVIOURS)}", "email")
    return found


@dataclass(frozen=True, slots=True)
class Invented:
    """Somebody who is not there, with an identity number whose check digit is right."""

    external_ref: str
    name: str
    phone: str
    id_number: str


def invented(behaviour: Behaviour, *, merchant_id: UUID, email: str, on: date, salt: int = 0) -> Invented:
    """The person behind an address, as they are registered on a day. Another `salt`: another number, where that of somebody else is the same."""
    dice = int.from_bytes(sha256(f"{merchant_id}|{email}|{salt}".encode()).digest()[:12], "big")
    dice, region = divmod(dice, len(_REGIONS))
    dice, day = divmod(dice, 365 * 5)
    dice, serial = divmod(dice, 1_000)
    dice, surname = divmod(dice, len(_SURNAMES))
    dice, name = divmod(dice, len(_NAMES))
    born = date(on.year - behaviour.age, on.month, 1) - timedelta(days=1 + (day if behaviour.age == _USUAL_AGE else day % 365))
    body = f"{_REGIONS[region]}{born:%Y%m%d}{serial:03d}"
    reference = f"{email.partition('@')[0]}:{merchant_id.hex[-12:]}"[-64:]
    return Invented(reference, _SURNAMES[surname] + _NAMES[name], f"139{dice % 10**8:08d}", body + calc_check_digit(body + "0"))


@dataclass(frozen=True, slots=True)
class Seen:
    """A loan of theirs as somebody looks at it on a day: when it was lent, what is asked by today and has not been paid, since when, and when its first
    instalment is due. `taken_on`: when its first payment came.
    """

    lent_on: date
    due_minor: int
    oldest_due_on: date | None
    first_due_on: date | None
    taken_on: date | None


@dataclass(frozen=True, slots=True)
class Does:
    """What somebody does about a loan today. `pays_minor` is None where they pay all that is due; `pays` says whether they do."""

    pays: bool = False
    pays_minor: int | None = None
    settles: bool = False
    returns: int | None = None
    contests: bool = False
    withdraws: bool = False
    takes_back: bool = False
    gets_back: bool = False


def does(behaviour: Behaviour, seen: Seen, on: date) -> Does:
    """What they do on a day; `returns` counts the days since they asked to return the goods."""
    late = (on - seen.oldest_due_on).days if seen.oldest_due_on and seen.due_minor else None
    pays, part = False, None
    if behaviour.pays_after is not None and late is not None:
        pays = late >= behaviour.pays_after and not (behaviour.first_only and seen.oldest_due_on != seen.first_due_on)
        if behaviour.pays_part and behaviour.rest_after is not None and late < behaviour.rest_after:
            pays, part = late == behaviour.pays_after, max(seen.due_minor // 2, 1)
    return Does(
        pays=pays,
        pays_minor=part,
        settles=_since(seen.lent_on, behaviour.settles_after, on) is not None,
        returns=_since(seen.lent_on, behaviour.returns_after, on),
        contests=_since(seen.lent_on, behaviour.contests_after, on) is not None,
        withdraws=_since(seen.lent_on, _sum(behaviour.contests_after, behaviour.withdraws_after), on) is not None,
        takes_back=_since(seen.taken_on, behaviour.takes_back_after, on) is not None,
        gets_back=_since(seen.taken_on, _sum(behaviour.takes_back_after, behaviour.comes_back_after), on) is not None,
    )


def _since(day: date | None, after: int | None, on: date) -> int | None:
    """How many days ago it was so long after a day; None where it is not yet, or never."""
    if day is None or after is None:
        return None
    passed = (on - day).days - after
    return passed if passed >= 0 else None


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
