"""Texts of the cost table and of pictures of a plan, Chinese and English: code → (zh, en). Pure; tables have the codes only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.label import with_symbol

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("综合融资成本明示表", "All costs of this credit"),
    "principal": ("贷款本金", "Amount of credit"),
    "cash_price": ("现金价", "Cash price"),
    "net_received": ("实际到手金额", "Net amount received"),
    "drawn_on": ("放款日", "Lent on"),
    "term": ("期限", "Term"),
    "term_value": ("{periods} 期，首期 {first_due_on}，末期 {last_due_on}",
        "{periods} instalments, first due {first_due_on}, last due {last_due_on}"),
    "term_value_one": ("{periods} 期，{first_due_on}", "{periods} instalment, due {first_due_on}"),
    "instalment": ("第 {no} 期 {due_on}", "Instalment {no}, due {due_on}"),
    "at_start": ("放款当日 {due_on}", "On the day of lending, {due_on}"),
    "instalment_value": ("{total}（{parts}）", "{total} ({parts})"),
    "part": ("{name} {amount}", "{name} {amount}"),
    "comma": ("，", ", "),
    "and": ("、", " and "),
    "part_principal": ("本金", "principal"),
    "part_interest": ("利息", "interest"),
    "interest": ("利息", "Interest"),
    "above_cash_price": ("高于现金价的部分", "Excess over the cash price"),
    "service_fee": ("服务费", "Service fee"),
    "late_fee": ("滞纳金", "Late fee"),
    "penalty_interest": ("罚息", "Penalty interest"),
    "being_late": ("逾期", "Being late"),
    "no_late_charge": ("不收取任何费用", "no charge"),
    "late_cap": ("逾期费用上限", "The most that being late can cost"),
    "early_repayment": ("提前还款", "Early repayment"),
    "item_value": (
        "{amount}，收取方：{payee}，{charged}，{basis}，年化 {annualised_pct}%",
        "{amount}, paid to {payee}, {charged}, {basis}, {annualised_pct} % a year",
    ),
    "other_value": (
        "{amount}，由{payer}承担，收取方：{payee}，{charged}，{basis}，不计入您的成本",
        "{amount}, borne by {payer}, paid to {payee}, {charged}, {basis}; not a cost of yours",
    ),
    "contingent_value": ("收取方：{payee}，{basis}", "paid to {payee}, {basis}"),
    "payer_consumer": ("消费者", "the consumer"),
    "payer_merchant": ("商户", "the merchant"),
    "payer_campaign": ("活动方", "the campaign"),
    "payee_lender": ("贷款人", "the lender"),
    "payee_merchant": ("商户", "the merchant"),
    "payee_platform": ("平台", "the platform"),
    "once": ("放款时一次收取", "charged once, when the money is lent"),
    "each_period": ("随每期收取", "charged with each instalment"),
    "annual_rate": ("年利率 {rate}%，{method}，{day_count}{interest_free}", "annual rate {rate} %, {method}, {day_count}{interest_free}"),
    "interest_free_periods": ("，前 {interest_free} 期免息", ", interest-free periods: {interest_free}"),
    "paid_by_another": ("由他方承担，您不支付利息", "borne by another, you pay no interest"),
    "equal_instalments": ("等额本息", "equal instalments"),
    "equal_principal": ("等额本金", "equal principal"),
    "flat": ("按全部本金计息", "on the whole principal each time"),
    "by_period": ("每期按相同比例计息", "each period the same share of a year"),
    "by_days_actual": ("按实际天数/{year}", "actual days / {year}"),
    "by_days_30": ("每月按 30 天/{year}", "months of 30 days / {year}"),
    "year_actual": ("实际天数", "actual"),
    "fixed": ("每次 {each}", "{each} each time"),
    "fixed_once": ("固定金额", "a fixed amount"),
    "share_of_principal_once": ("本金的 {rate}%", "{rate} % of the amount of credit"),
    "share_of_principal": ("本金的 {rate}%，每次 {each}", "{rate} % of the amount of credit, {each} each time"),
    "cash_price_basis": ("现金价 {price}", "cash price {price}"),
    "fixed_once_an_instalment": (
        "每期逾期满 {grace_days} 天后收取一次 {amount}", "{amount} once an overdue instalment, after {grace_days} days"),
    "share_of_overdue": (
        "每期逾期满 {grace_days} 天后按逾期{of}的 {rate}% 收取一次", "{rate} % of the overdue {of}, once an instalment, after {grace_days} days"),
    "annual_rate_on_overdue_principal": (
        "逾期本金按年利率 {rate}% 计收，单利，实际天数/365", "annual rate {rate} % on overdue principal, simple, actual days / 365"),
    "most_of_principal": ("合计不超过本金的 {rate}%，即 {amount}", "all of it together at most {rate} % of the amount of credit, {amount}"),
    "no_charge": ("不另收费，{until}{later_fees}", "no charge, {until}{later_fees}"),
    "not_asked": ("，尚未开始各期的费用不再收取", ", and fees of periods not begun are not asked"),
    "day_of_payment": ("利息计至还款当日", "interest until the day of payment"),
    "next_due_day": ("利息计至下一还款日", "interest until the next due day"),
    "as_scheduled": ("利息按原计划计收", "interest as scheduled"),
    "part_fee": ("费用", "fees"),
    "part_penalty": ("罚息", "penalties"),
    "items_total": ("费用合计", "All costs together"),
    "paid_total": ("还款总额", "Total to be repaid"),
    "compound": ("综合年化成本（内部收益率，复利）", "Annual cost, all-in (IRR, compound)"),
    "simple": ("综合年化成本（单利）", "Annual cost, all-in (simple)"),
    "contingent": ("或有费用：{name}", "May arise: {name}"),
    "nothing_else_is_charged": (
        "除已明示成本外不再收取其他贷款相关息费", "Apart from the costs shown here, no interest or fee of this credit is charged."),
    "licence": ("{name}（许可证号 {licence}）", "{name} (licence {licence})"),
    "versions": ("规则版本 {rule_version}，模板 {template}", "Rules {rule_version}, template {template}"),
    "chart_title": ("还款计划：{amount}，{periods} 期", "Repayment of {amount} in {periods} instalments"),
    "chart_title_one": ("还款计划：{amount}，{periods} 期", "Repayment of {amount} in {periods} instalment"),
    "chart_subtitle": (
        "还款总额 {total}，费用 {charge}，综合年化成本 {cost}%", "Total {total}, of which costs {charge}; annual cost {cost} %"),
    "chart_x": ("还款日", "Due day"),
    "chart_y": ("每期应还（{currency}）", "Paid each time ({currency})"),
    "chart_y2": ("剩余本金（{currency}）", "Principal still owed ({currency})"),
    "chart_principal": ("本金", "Principal"),
    "chart_interest": ("利息", "Interest"),
    "chart_fees": ("费用", "Fees"),
    "chart_payoff": ("{on} 提前结清：{amount}", "Ending the loan on {on}: {amount}"),
    "chart_payoff_sub_start": (
        "下单时已付 {at_start}，此后已还 {repaid}，比按计划还款少付 {saved}",
        "{at_start} paid at the start, {repaid} repaid since; {saved} less than keeping to the schedule"),
    "chart_payoff_sub": ("此前已还 {repaid}，比按计划还款少付 {saved}", "{repaid} repaid before; {saved} less than keeping to the schedule"),
    "at_once": ("一次付清", "At once"),
    "way": ("{periods} 期，年利率 {rate}%", "{periods} instalments, {rate} % interest"),
    "way_one": ("{periods} 期，年利率 {rate}%", "{periods} instalment, {rate} % interest"),
    "way_down": ("\n下单时付 {amount}", "\n{amount} at the start"),
    "chart_apr": ("收到 {received}，共还 {paid}", "{received} received, {paid} paid"),
    "chart_apr_sub": ("年化成本 {cost}%（内部收益率，复利），各笔还款按此拆分", "{cost} % a year (IRR, compound); each payment is parted at that rate"),
    "chart_ways": ("{amount} 的几种付款方式", "Ways to pay {amount}"),
    "chart_ways_sub": ("付款总额，以及综合年化成本", "What is paid in all, and the annual cost"),
    "chart_total": ("付款总额（{currency}）", "Paid in all ({currency})"),
    "chart_price": ("商品价格", "Price"),
    "chart_charge": ("费用", "Costs"),
    "chart_owed": ("还款后剩余本金", "Principal owed afterwards"),
    "label_cost": ("（年化 {cost}%）", " ({cost} % a year)"),
    "holidays_provisional": (
        "{year} 年以后的节假日安排尚未公布，其后的还款日可能变动。",
        "The holidays of the years after {year} have not been announced: due days beyond it may still move."),
    "weekday_names": ("周一 周二 周三 周四 周五 周六 周日", "Mon Tue Wed Thu Fri Sat Sun"),
    "column_no": ("期数", "no"),
    "column_due": ("还款日", "due"),
    "column_day": ("星期", "day"),
    "column_amount": ("金额", "amount"),
    "column_principal": ("本金", "principal"),
    "column_interest": ("利息", "interest"),
    "column_fees": ("费用", "fees"),
    "column_penalties": ("罚息及滞纳金", "penalties"),
    "column_owed": ("剩余本金", "owed then"),
    "column_way": ("方式", "way"),
    "column_at_start": ("下单时付", "at start"),
    "column_first_due": ("首期", "first due"),
    "column_last_due": ("末期", "last due"),
    "column_in_all": ("合计", "in all"),
    "column_costs": ("费用", "costs"),
    "column_a_year": ("年化%", "% a year"),
    "column_more": ("多付", "more"),
    "table_in_year": ("{year}年小计", "in {year}"),
    "table_in_all": ("合计", "in all"),
    "sum_lent": ("放款 {lent}，共还 {paid}，其中费用 {charge}。", "Lent {lent}, paid {paid}, of which costs {charge}."),
    "sum_annual": (
        "综合年化成本：{compound}%（内部收益率，复利），{simple}%（单利）。",
        "Annual cost, all-in: {compound} % (IRR, compound), {simple} % (simple)."),
    "way_at_once": ("一次付清", "at once"),
    "ways_heading": ("{price} 的几种付款方式：", "Ways to pay {price}:"),
    "payoff_heading": ("{on}（{weekday}）提前结清，此前已还 {repaid}：", "To end the loan on {on} ({weekday}), {repaid} repaid before:"),
    "payoff_heading_start": (
        "{on}（{weekday}）提前结清，下单时已付 {at_start}，此后已还 {repaid}：",
        "To end the loan on {on} ({weekday}), {at_start} paid at the start and {repaid} repaid since:"),
    "payoff_from_credit": ("以贷方余额抵扣", "from the credit balance"),
    "payoff_total": ("应付", "to pay"),
    "payoff_saved": ("若按原计划还款，还要多付 {saved}。", "Keeping to the schedule would cost {saved} more."),
    "payoff_not_saved": ("当天结清不会少付。", "Ending it that day saves nothing."),
    "payoff_nothing": ("{on}（{weekday}）已无欠款：至 {by} 已全部还清。", "On {on} ({weekday}) nothing is owed any more: all was repaid by {by}."),
    "picture_in": ("图片已存为 {path}。", "The picture is in {path}."),
}  # fmt: skip

_COSTS: Final = frozenset({"interest", "above_cash_price", "service_fee", "late_fee", "penalty_interest"})


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the table: what, and how much."""

    label: str
    value: str


def text(code: str, language: Language, **params: object) -> str:
    """The text of a code. Raises KeyError for a code without a text."""
    return TEXTS[code][0 if language == "zh" else 1].format(**params)


def weekday_name(weekday: int, language: Language) -> str:
    """The short name of a day of the week; 0 is Monday."""
    return text("weekday_names", language).split()[weekday]


def counted(code: str, count: int) -> str:
    """The code of a text about one, where there is only one."""
    return f"{code}_one" if count == 1 else code


def name_of(code: str, language: Language, otherwise: str | None = None) -> str:
    """The text of a code that an agreement made up (a fee, a payee), which may have none: then the code itself, or `otherwise`."""
    # Not any text: a fee may be called `licence` or `annual`, and there are sentences of these codes.
    named = code in _COSTS or code.startswith(("payee_", "part_"))
    return text(code, language) if named and code in TEXTS else otherwise or code


def lines(content: Mapping[str, Any], language: Language) -> Iterator[Shown]:
    """A cost table as it is shown, line by line, from its content alone."""
    cost = content["annual_cost"]

    def line(code: str, value: str) -> Shown:
        return Shown(text(code, language), value)

    for party in content["parties"]:
        role = name_of(f"payee_{party['code']}", language, party["code"])
        yield Shown(role[:1].upper() + role[1:], _payee(content, party["code"], language, licence=True))
    yield line("principal", _amount(content, content["principal_minor"]))
    if content["cash_price_minor"] is not None:
        yield line("cash_price", _amount(content, content["cash_price_minor"]))
    yield line("net_received", _amount(content, content["net_received_minor"]))
    yield line("drawn_on", content["drawn_on"])
    yield line("term", text(counted("term_value", content["term"]["periods"]), language, **content["term"]))
    if "provisional_after" in content["term"]:
        yield Shown(text("holidays_provisional", language, year=content["term"]["provisional_after"]), "")
    yield from (_instalment(row, content, language) for row in content["instalments"])
    yield from (_item(item, content, language, "item_value") for item in content["items"])
    yield line("items_total", _amount(content, content["items_total_minor"]))
    yield from (_item(item, content, language, "other_value") for item in content["paid_by_others"])
    yield line("paid_total", _amount(content, content["paid_total_minor"]))
    yield line("compound", f"{cost['compound_pct']}%")
    yield line("simple", f"{cost['simple_pct']}%")
    yield from (_contingent(cost, content, language) for cost in content["contingent"])
    yield Shown(text(content["statement"], language), "")
    yield Shown(text("versions", language, **content), "")


def _amount(content: Mapping[str, Any], minor: int) -> str:
    return with_symbol(Money(minor, content["currency"]))


def _payee(content: Mapping[str, Any], code: str, language: Language, *, licence: bool = False) -> str:
    """The name of a payee where the table has it, else what its code means."""
    party = next((one for one in content["parties"] if one["code"] == code), None)
    if party is None:
        return name_of(f"payee_{code}", language, code)
    name = str(party[f"name_{language}"])
    return text("licence", language, name=name, licence=party["licence"]) if licence and party["licence"] else name


def _instalment(row: Mapping[str, Any], content: Mapping[str, Any], language: Language) -> Shown:
    parts = [("part_principal", row["principal_minor"]), ("part_interest", row["interest_minor"]), *row["fees_minor"].items()]
    said = [text("part", language, name=name_of(code, language), amount=_amount(content, minor)) for code, minor in parts if minor]
    heading = "instalment" if row["no"] else "at_start"
    total, listed = _amount(content, row["total_minor"]), text("comma", language).join(said)
    value = text("instalment_value", language, total=total, parts=listed) if said else total
    return Shown(text(heading, language, no=row["no"], due_on=row["due_on"]), value)


def _item(item: Mapping[str, Any], content: Mapping[str, Any], language: Language, form: str) -> Shown:
    value = text(
        form,
        language,
        amount=_amount(content, item["amount_minor"]),
        payer=text(f"payer_{item['payer']}", language),
        payee=_payee(content, item["payee"], language),
        charged=text(item["charged"], language),
        basis=_basis(item["basis"], content, language),
        annualised_pct=item["annualised_pct"],
    )
    return Shown(name_of(item["code"], language), value)


def _basis(basis: Mapping[str, Any], content: Mapping[str, Any], language: Language) -> str:
    code = basis["code"]
    if code == "annual_rate":
        return _annual_rate(basis, language)
    if code == "cash_price":
        return text("cash_price_basis", language, price=_amount(content, basis["cash_price_minor"]))
    each = _amount(content, basis["each_minor"]) if "each_minor" in basis else ""
    rate = Rate(basis["rate_ppm"]).percent_text() if "rate_ppm" in basis else ""
    return text(f"{code}_once" if basis.get("times") == 1 else code, language, each=each, rate=rate)


def _annual_rate(basis: Mapping[str, Any], language: Language) -> str:
    free = basis["interest_free"]
    year = text("year_actual", language) if basis["year"] == "actual" else basis["year"]
    count = "by_period" if basis["interest_by"] == "period" else f"by_days_{basis['month']}"
    return text(
        "annual_rate",
        language,
        rate=Rate(basis["rate_ppm"]).percent_text(),
        method=text(basis["method"], language),
        day_count=text(count, language, year=year),
        interest_free=text("interest_free_periods", language, interest_free=free) if free else "",
    )


def _contingent(cost: Mapping[str, Any], content: Mapping[str, Any], language: Language) -> Shown:
    basis = cost["basis"]
    code = "most_of_principal" if cost["code"] == "late_cap" else basis["code"]
    said = text(
        code,
        language,
        amount=_amount(content, basis["amount_minor"]) if "amount_minor" in basis else "",
        rate=Rate(basis["rate_ppm"]).percent_text() if "rate_ppm" in basis else "",
        of=text("and", language).join(text(f"part_{part}", language) for part in basis.get("of", ())),
        grace_days=basis.get("grace_days", 0),
        until=text(basis["interest_until"], language) if "interest_until" in basis else "",
        later_fees=text("not_asked", language) if basis.get("later_fees") == "not_asked" else "",
    )
    value = text("contingent_value", language, payee=_payee(content, cost["payee"], language), basis=said)
    return Shown(text("contingent", language, name=text(cost["code"], language)), value)
