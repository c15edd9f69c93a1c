"""Texts of papers, Chinese and English: code → (zh, en). Pure; tables have the codes only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from yuefu.plans.offer.wording import LANGUAGES, Language

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "certificate": ("贷款结清证明", "Certificate of settlement"),
    "statement": ("贷款对账单", "Statement of account"),
    "payoff": ("提前结清报价单", "Early settlement quote"),
    "number": ("编号", "Number"),
    "lender": ("贷款人", "Lender"),
    "borrower": ("借款人", "Borrower"),
    "id_number": ("证件号码", "Identity number"),
    "consumer": ("客户编号", "Customer number"),
    "loan": ("贷款编号", "Loan number"),
    "product": ("产品", "Product"),
    "currency": ("币种", "Currency"),
    "lent": ("贷款金额", "Amount lent"),
    "lent_on": ("放款日", "Lent on"),
    "settled_on": ("结清日", "Settled on"),
    "issued_on": ("出具日", "Issued on"),
    "repaid": (
        "兹证明：上述贷款已于 {settled_on} 全部结清，截至出具日，借款人在该笔贷款项下不欠任何本金、利息、费用及逾期费用。",
        "This is to certify that the loan above was settled in full on {settled_on}. As of the day of issue the borrower owes no principal, interest,"
        " fees or late charges under it.",
    ),
    "recovered": (
        "兹证明：上述贷款曾被核销，其后全部欠款已于 {settled_on} 收回，截至出具日，借款人在该笔贷款项下不欠任何本金、利息、费用及逾期费用。",
        "This is to certify that the loan above had been written off and that all that was owed has been recovered by {settled_on}. As of the day of"
        " issue the borrower owes no principal, interest, fees or late charges under it.",
    ),
    "replaces": ("本证明替代此前已撤回的证明。", "This certificate replaces an earlier one, which was withdrawn."),
    "verify_certificate": (
        "核验：请向贷款人提供编号与下列校验码，或提供本文件。若贷款因拒付等原因重新产生欠款，本证明将被撤回。",
        "To verify: give the lender the number and the code below, or this file. Should the loan be owed again, by a charge-back for instance, this"
        " certificate is withdrawn.",
    ),
    "code": ("校验码", "Code"),
    "range": ("期间", "Period"),
    "range_value": ("{first} 至 {last}", "{first} to {last}"),
    "made_on": ("制作日", "Made on"),
    "status": ("状态", "State"),
    "status_pending": ("未放款", "not lent yet"),
    "status_active": ("还款中", "active"),
    "status_overpaid": ("已结清，有贷方余额", "settled, with a credit balance"),
    "status_closed": ("已结清", "settled"),
    "status_written_off": ("已核销", "written off"),
    "day": ("发生日", "Day"),
    "entered": ("入账日", "Entered"),
    "what": ("事项", "Entry"),
    "amount": ("金额", "Amount"),
    "principal": ("本金", "Principal"),
    "interest": ("利息", "Interest"),
    "fees": ("费用", "Fees"),
    "penalties": ("逾期费用", "Late charges"),
    "credit": ("贷方余额", "Credit"),
    "owed": ("余额", "Balance"),
    "opening": ("期初余额", "Opening balance"),
    "closing": ("期末余额", "Closing balance"),
    "of_all": ("全部贷款", "All loans"),
    "sums": ("合计", "Together"),
    "undone": ("{what}（已撤销，{on} 入账，不计入）", "{what} (undone, entered {on}: does not count)"),
    "no_accounts": ("期间内无欠款，亦无发生额。", "Nothing was owed and nothing happened in this period."),
    "left_out": (
        "另有 {count} 笔按旧规则记账的贷款未列入本对账单。",
        "Active loans that are kept by older rules and are not in this statement: {count}.",
    ),
    "given_up": (
        "该笔贷款核销 {given_up}，其后收回 {recovered}；核销不免除债务。",
        "{given_up} of this loan was written off and {recovered} recovered since; a write-off ends no debt.",
    ),
    "statement_note": (
        "各部分为增减额：正数增加，负数减少；贷方余额为应退还客户的款项；最后一列为每项之后的余额。期初余额与各项之和等于期末余额。",
        "Each part shows what an entry added or, below zero, took; the credit is money of the customer; the last column is the balance after each entry."
        " The opening balance and all entries add up to the closing balance.",
    ),
    "page": ("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
    "on": ("结清日", "To be paid on"),
    "valid_until": ("有效期至", "Valid until"),
    "from_credit": ("贷方余额抵扣", "From credit"),
    "total": ("应付", "To pay"),
    "saved": ("少付", "Saved"),
    "payoff_note": (
        "在有效期内足额支付上述应付总额，所列贷款即全部结清。期间若贷款发生其他变动，本报价失效，请重新申请。少付，指与按原计划还款相比少付的金额。",
        "Who pays the whole amount in time settles the loans above. Should anything else happen to one of them, this quote holds no longer: ask for a"
        " new one. Saved is what keeping to the schedule would cost more.",
    ),
    "borne": ("利息及其他应计", "Interest and charges of the days"),
    "fact_disbursed": ("放款", "Lent"),
    "fact_paid": ("还款", "Payment"),
    "fact_paid_repayment": ("还款", "Repayment"),
    "fact_paid_down_payment": ("首付", "Down payment"),
    "fact_paid_merchant_refund": ("商户退款", "Refund by the merchant"),
    "fact_paid_payout_refund": ("放款退回", "Payout returned"),
    "fact_paid_goodwill": ("补偿", "Goodwill"),
    "fact_paid_interest_refund": ("利息退还", "Interest given back"),
    "fact_paid_back": ("退还已付款项", "Payment given back"),
    "fact_paid_instalment": ("还款（指定项）", "Payment of one instalment"),
    "fact_paid_off": ("提前结清", "Early settlement"),
    "fact_charged": ("收费", "Charge"),
    "fact_charged_each_instalment": ("按期收费", "Fee on each instalment"),
    "fact_waived": ("减免", "Waiver"),
    "fact_charged_back": ("拒付", "Charge-back"),
    "fact_credit_refunded": ("退还贷方余额", "Credit paid out"),
    "fact_reaged": ("重新分期", "Re-aged"),
    "fact_reamortised": ("重新摊还", "Re-amortised"),
    "fact_rescheduled": ("变更还款计划", "Rescheduled"),
    "fact_interest_paused": ("停息", "Interest paused"),
    "fact_arrears_paused": ("停算逾期", "Arrears paused"),
    "fact_charged_off": ("呆账认定", "Charged off"),
    "fact_written_off": ("核销", "Written off"),
    "fact_recovered": ("核销后收回", "Recovered"),
    "fact_bought_down": ("商户贴息款", "Paid by the merchant for the rate"),
}


def text(code: str, language: Language, **values: object) -> str:
    """The text of a code in a language, filled in."""
    return TEXTS[code][LANGUAGES.index(language)].format(**values)
