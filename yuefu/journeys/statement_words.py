"""Texts of the statements of merchants, Chinese and English, and how their sums become what is paid. Pure; files and pages say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from yuefu.money.amounts import Money
from yuefu.settlement.rules import Totals

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

IDENTITY: Final[tuple[tuple[str, int], ...]] = (
    ("captures", 1),
    ("fees", -1),
    ("discounts", -1),
    ("refunds", -1),
    ("opening", 1),
    ("reserved", -1),
    ("released", 1),
    ("adjusted", 1),
)
"""Net is these figures, added or taken away; payout and carried are what becomes of it."""

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "statement_of_batch": ("商户结算单", "Settlement statement"),
    "statement_of_month": ("商户月结单", "Monthly settlement statement"),
    "merchant": ("商户", "Merchant"),
    "code": ("商户代码", "Merchant code"),
    "uscc": ("统一社会信用代码", "Credit code (USCC)"),
    "account": ("结算账户", "Settlement account"),
    "batch": ("批次", "Batch"),
    "pay_on": ("结算日", "Pay day"),
    "month": ("月份", "Month"),
    "batches": ("批次数", "Batches"),
    "line_count": ("明细笔数", "Lines"),
    "currency": ("币种", "Currency"),
    "state": ("状态", "State"),
    "sums": ("汇总", "Sums"),
    "lines": ("明细", "Lines"),
    "by_day": ("按日汇总", "By day"),
    "captures": ("请款总额", "Captured"),
    "fees": ("服务费", "Fees"),
    "discounts": ("贴息", "Discounts"),
    "refunds": ("退款（扣除退回的费用）", "Refunds, after fees given back"),
    "opening": ("上期结转", "Carried in"),
    "reserved": ("暂扣准备金及冻结", "Kept back as reserve, or frozen"),
    "released": ("释放准备金及解冻", "Given back of reserve, or thawed"),
    "adjusted": ("违约金、补贴及回款", "Penalties, subsidies, debts paid"),
    "net": ("净额", "Net"),
    "payout": ("付款", "Paid out"),
    "carried": ("结转下期", "Carried on"),
    "date": ("日期", "Date"),
    "kind": ("类型", "Kind"),
    "order": ("订单", "Order"),
    "reference": ("商户订单号", "Reference"),
    "gross": ("总额", "Gross"),
    "fee": ("服务费", "Fee"),
    "vat": ("其中增值税", "VAT in the fee"),
    "discount": ("贴息", "Discount"),
    "contract": ("合同版本", "Contract"),
    "count": ("笔数", "Count"),
    "payout_reference": ("付款流水号", "Payout reference"),
    "paid_on": ("付款完成日", "Paid on"),
    "none": ("本期没有结算。", "Nothing was settled."),
    "sum_note": (
        "{identity}。出具前已逐笔与总账核对一致。",
        "{identity}. Each line was compared with the ledger before this statement was given out.",
    ),
    "too_long": (
        "本结算单共 {count} 笔明细，超过本文件可列的 {most} 笔，故按日汇总；逐笔明细请见 CSV 或 XLSX 文件。",
        "The {count} lines are more than the {most} that this file has room for: they are summed up by day. The CSV and XLSX files have each of them.",
    ),
}  # fmt: skip
COLUMNS: Final[Mapping[Language, tuple[str, ...]]] = {
    "zh": ("结算日", "批次", "日期", "类型", "订单", "商户订单号", "总额", "服务费", "其中增值税", "贴息", "净额", "币种", "合同版本"),
    "en": ("pay_on", "batch", "date", "kind", "order", "reference", "gross", "fee", "vat", "discount", "net", "currency", "contract"),
}
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "capture": ("请款", "capture"),
    "refund": ("退款", "refund"),
    "carried": ("上期结转", "carried"),
    "reserved": ("暂扣准备金", "reserved"),
    "released": ("释放准备金", "released"),
    "frozen": ("冻结", "frozen"),
    "thawed": ("解冻", "thawed"),
    "penalty": ("违约金", "penalty"),
    "subsidy": ("补贴", "subsidy"),
    "collected": ("商户回款", "paid by the merchant"),
    "part": ("分期结算款", "part of a sale, by instalment"),
    "parted": ("已分期结算", "paid in parts before"),
    "withheld": ("付款前冻结", "frozen before it was paid"),
    "payout": ("付款", "payout"),
    "next": ("结转下期", "next"),
}
STATES: Final[Mapping[str, tuple[str, str]]] = {
    "accrued": ("无需付款", "nothing to pay"),
    "held": ("暂缓付款", "held"),
    "scheduled": ("待付款", "scheduled"),
    "paid": ("已付款", "paid"),
    "returned": ("被退回", "returned"),
    "reconciled": ("已对账", "reconciled"),
}


def text(code: str, language: Language, **values: object) -> str:
    """The text of a code in a language, filled in."""
    return TEXTS[code][LANGUAGES.index(language)].format(**values)


def kind(code: str, language: Language) -> str:
    """The word for the kind of a line."""
    return KINDS[code][LANGUAGES.index(language)]


def state(code: str, language: Language) -> str:
    """The word for the state of a batch; the code where it has none."""
    return STATES[code][LANGUAGES.index(language)] if code in STATES else code


def steps(figures: Totals) -> list[tuple[str, Money]]:
    """How the net comes about, as signed amounts that add up to it; what is nothing is left out, but for what was captured."""
    signed = [
        (name, amount if sign > 0 else -amount) for name, sign in IDENTITY if (amount := getattr(figures, name)) or name == "captures"
    ]
    assert sum(amount.minor for _, amount in signed) == figures.net.minor, "the identity has a term for each figure"
    return signed


def sum_note(language: Language) -> str:
    """What the figures of a statement have to do with each other, and that they were proven."""
    first, *more = (f"{'+' if sign > 0 else '−'} {text(name, language)}" for name, sign in IDENTITY)
    net, payout, carried = (text(name, language) for name in ("net", "payout", "carried"))
    return text("sum_note", language, identity=f"{net} = {' '.join((first[2:], *more))} = {payout} + {carried}")
