"""What a consumer is told for each reason: code → (zh, en). Safe to show: no thresholds, no scores, nothing about other people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "new_credit_stopped": ("暂停受理新的分期申请，请稍后再试", "New instalment orders are paused at the moment. Please try again later."),
    "product_stopped": ("该分期方案暂停受理，请稍后再试", "This instalment plan is paused at the moment. Please try again later."),
    "funder_stopped": ("暂时无法提供分期资金，请稍后再试", "There are no funds for instalment orders at the moment. Please try again later."),
    "merchant_stopped": ("该商户的分期暂停受理，请稍后再试", "Instalment orders at this merchant are paused at the moment. Please try again later."),
    "channel_stopped": ("该渠道的分期暂停受理，请稍后再试", "Instalment orders are paused here at the moment. Please try another way to order, or later."),
    "product_not_offered": ("该分期方案已下线", "This instalment plan is not offered any more."),
    "merchant_suspended": ("该商户暂不支持月付", "This merchant does not offer monthly payment at the moment."),
    "under_age": ("未达到使用月付的年龄要求", "You are not old enough to use monthly payment."),
    "over_age": ("超出月付的年龄范围", "Your age is outside the range for monthly payment."),
    "student": ("暂不向在校学生提供月付", "Monthly payment is not available to students."),
    "consumer_closed": ("您的账户已注销", "Your account is closed."),
    "suspected_fraud": ("暂时无法为您提供月付，请联系客服", "Monthly payment is not available to you at the moment. Please contact support."),
    "under_review": ("您的信息正在审核，请稍后再试", "Your details are being reviewed. Please try again later."),
    "no_credit_account": ("您尚未开通月付额度", "You have not opened a monthly payment account yet."),
    "account_frozen": (
        "您的月付账户当前不可用，请联系客服", "Your monthly payment account cannot be used at the moment. Please contact support."),
    "overdue": ("您有逾期未还的账单，还清后可继续使用", "You have a bill that is past due. You can go on once it is paid."),
    "velocity": ("短时间内下单过多，请稍后再试", "Too many orders in a short time. Please try again later."),
    "duplicate": ("该订单已提交，请勿重复提交", "This order was submitted before."),
    "limit": ("可用额度不足", "Your available limit is too low for this order."),
}  # fmt: skip


def text(code: str, language: Literal["zh", "en"]) -> str:
    """The text of a reason. Raises KeyError for a code without a text."""
    return REASONS[code][0 if language == "zh" else 1]
