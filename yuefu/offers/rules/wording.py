"""Texts of the cost table and of refused quotes, Chinese and English: code → (zh, en). Pure; the database has the codes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("综合融资成本明示表", "All costs of this credit"),
    "principal": ("贷款本金", "Amount of credit"),
    "net_received": ("实际到手金额", "Net amount received"),
    "term": ("期限", "Term"),
    "term_value": ("{periods} 期，首期 {first_due_on}，末期 {last_due_on}",
        "{periods} instalments, first due {first_due_on}, last due {last_due_on}"),
    "instalment": ("第 {no} 期 {due_on}", "Instalment {no}, due {due_on}"),
    "instalment_value": ("{total}（本金 {principal}，利息 {interest}）", "{total} (principal {principal}, interest {interest})"),
    "interest": ("利息", "Interest"),
    "item_value": (
        "{amount}，收取方：{payee}，{charged}，{basis}，年化 {annualised_pct}%",
        "{amount}, paid to {payee}, {charged}, {basis}, {annualised_pct} % a year",
    ),
    "payee_lender": ("{name_zh}", "{name_en}"),
    "each_instalment": ("随每期收取", "charged with each instalment"),
    "annual_rate": ("年利率 {rate}%，{day_count}", "annual rate {rate} %, {day_count}"),
    "act_365": ("按实际天数/365", "actual days / 365"),
    "thirty_360": ("按 30/360", "30E / 360"),
    "items_total": ("费用合计", "All costs together"),
    "paid_total": ("还款总额", "Total to be repaid"),
    "compound": ("综合年化成本（内部收益率，复利）", "Annual cost, all-in (IRR, compound)"),
    "simple": ("综合年化成本（单利）", "Annual cost, all-in (simple)"),
    "contingent": ("或有费用", "Costs that may arise"),
    "none": ("无", "none"),
    "late_fee": ("逾期费：每期 {amount}，{after}收取一次", "late fee: {amount} an instalment, once, {after}"),
    "late_interest": ("罚息：逾期本金年利率 {rate}%，{after}计收", "penalty interest: {rate} % a year on overdue principal, {after}"),
    "late_most": ("逾期费用合计不超过 {amount}（本金的 {rate}%）", "all late charges together: at most {amount} ({rate} % of the credit)"),
    "after_grace": ("逾期超过 {days} 天后", "more than {days} days after the due day"),
    "at_once": ("到期日次日起", "from the day after the due day"),
    "nothing_else_is_charged": (
        "除已明示成本外不再收取其他贷款相关息费", "Apart from the costs shown here, no interest or fee of this credit is charged."),
    "label": (
        "{lender}提供贷款：{periods} 期，还款总额 {total}，综合年化成本 {compound_pct}%（内部收益率，复利；单利 {simple_pct}%）。{statement}。",
        "Credit of {lender}: {periods} instalments, {total} in all, annual cost {compound_pct} % (IRR, compound; {simple_pct} % simple)."
        " {statement}",
    ),
    "lender": ("贷款人", "Lender"),
    "lender_value": ("{name_zh}（许可证号 {licence}）", "{name_en} (licence {licence})"),
    "not_published": ("该方案暂未开放", "This plan is not offered."),
    "currency_differs": ("币种与方案不一致", "This plan is in another currency."),
    "below_minimum": ("金额低于该方案的起点", "The amount is below what this plan begins at."),
    "above_maximum": ("金额高于该方案的上限", "The amount is above what this plan allows."),
    "periods_not_offered": ("该方案没有这个期数", "This plan has no such number of instalments."),
    "no_discount_agreed": ("商户暂不支持该期数免息", "The merchant does not offer this number of interest-free instalments."),
    "principal_too_small": ("金额过小，无法分期", "The amount is too small to be split."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the table: what, and how much."""

    label: str
    value: str


def text(code: str, language: Language, **params: object) -> str:
    """The text of a code. Raises KeyError for a code without a text."""
    return TEXTS[code][0 if language == "zh" else 1].format(**params)


def lines(content: Mapping[str, Any], language: Language) -> tuple[Shown, ...]:
    """A cost table as it is shown, line by line, from its stored content alone."""
    currency, cost = content["currency"], content["annual_cost"]

    def amount(minor: int) -> str:
        return str(Money(minor, currency))

    def line(code: str, value: str) -> Shown:
        return Shown(text(code, language), value)

    return (
        line("lender", text("lender_value", language, **content["lender"])),
        line("principal", amount(content["principal_minor"])),
        line("net_received", amount(content["net_received_minor"])),
        line("term", text("term_value", language, **content["term"])),
        *(_instalment(row, currency, language) for row in content["instalments"]),
        *(_item(item, content, language) for item in content["items"]),
        line("items_total", amount(content["items_total_minor"])),
        line("paid_total", amount(content["paid_total_minor"])),
        line("compound", f"{cost['compound_pct']}%"),
        line("simple", f"{cost['simple_pct']}%"),
        *_contingent(content, language),
        Shown(text(content["statement"], language), ""),
    )


def label_text(content: Mapping[str, Any], language: Language) -> str:
    """What stands beside a price label, in one or two sentences: who lends, what all of it comes to, its annual cost, and what may come on top."""
    said = text(
        "label",
        language,
        lender=text("lender_value", language, **content["lender"]),
        periods=content["term"]["periods"],
        total=Money(content["paid_total_minor"], content["currency"]),
        statement=text(content["statement"], language),
        **content["annual_cost"],
    )
    may_arise = [f"{shown.label}{'：' if language == 'zh' else ': '}{shown.value}" for shown in _contingent(content, language)]
    return said if isinstance(content["contingent"], str) else " ".join([said, *may_arise])


def _contingent(content: Mapping[str, Any], language: Language) -> list[Shown]:
    """Costs that may arise: none, or a line each."""
    said, label = content["contingent"], text("contingent", language)
    if isinstance(said, str):
        return [Shown(label, text(said, language))]
    return [Shown(label, _may_arise(item, content["currency"], language)) for item in said]


def _may_arise(item: Mapping[str, Any], currency: str, language: Language) -> str:
    days = item.get("grace_days", 0)
    given: dict[str, object] = {"after": text("after_grace" if days else "at_once", language, days=days)}
    if "amount_minor" in item:
        given["amount"] = Money(item["amount_minor"], currency)
    if "rate_ppm" in item:
        given["rate"] = Rate(item["rate_ppm"]).percent_text()
    return text(item["code"], language, **given)


def _instalment(row: Mapping[str, Any], currency: str, language: Language) -> Shown:
    parts = {name: Money(row[f"{name}_minor"], currency) for name in ("total", "principal", "interest")}
    return Shown(text("instalment", language, no=row["no"], due_on=row["due_on"]), text("instalment_value", language, **parts))


def _item(item: Mapping[str, Any], content: Mapping[str, Any], language: Language) -> Shown:
    basis = item["basis"]
    value = text(
        "item_value",
        language,
        amount=Money(item["amount_minor"], content["currency"]),
        payee=text(f"payee_{item['payee']}", language, **content[item["payee"]]),
        charged=text(item["charged"], language),
        basis=text(basis["code"], language, rate=Rate(basis["rate_ppm"]).percent_text(), day_count=text(basis["day_count"], language)),
        annualised_pct=item["annualised_pct"],
    )
    return Shown(text(item["code"], language), value)
