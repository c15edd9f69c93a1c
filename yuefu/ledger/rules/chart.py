"""The chart of accounts: every component the books know, its kind, its class and what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["limited", "control", "money"]
Class = Literal["asset", "liability", "equity", "income", "expense", "memorandum"]


@dataclass(frozen=True, slots=True)
class AccountType:
    """A component. Balances are debit minus credit: assets and expenses are normally positive, the others negative.

    `manual`: people may post to it by hand, with a second person's approval. Behind the others stands a package whose own figures the close
    compares with it.
    """

    code: str
    kind: Kind
    cls: Class
    name_en: str
    name_zh: str
    manual: bool = False


_TYPES: Final = (
    AccountType("credit_line", "limited", "memorandum", "Credit line used", "已用额度"),
    AccountType("credit_line_contra", "control", "memorandum", "Credit lines used, contra", "已用额度对方"),
    AccountType("merchant_available", "limited", "liability", "Available to merchant", "商户可提现"),
    AccountType("merchant_pending", "control", "liability", "Owed to merchants, not settled", "商户待结算"),
    AccountType("merchant_reserve", "control", "liability", "Kept back of merchants for a time", "商户滚动准备金"),
    AccountType("funder_share", "control", "liability", "Profit shares of funders", "应付资金方分润"),
    AccountType("agent_share", "control", "liability", "Profit shares of agents", "应付代理商分润"),
    AccountType("host_share", "control", "liability", "Profit shares of live hosts", "应付主播分润"),
    AccountType("vat_payable", "control", "liability", "Value added tax in fees", "应交增值税", manual=True),
    AccountType("tax_withheld", "control", "liability", "Tax withheld of persons with shares", "代扣代缴个人所得税", manual=True),
    AccountType("merchant_frozen", "control", "liability", "Frozen of merchants", "商户冻结款项"),
    AccountType("payouts_in_transit", "control", "liability", "Payouts on their way", "在途付款"),
    AccountType("consumer_balance", "control", "liability", "Owed to consumers", "用户溢缴款"),
    AccountType("collections_clearing", "control", "liability", "Collections to be applied", "待入账还款"),
    AccountType("purchase_clearing", "control", "liability", "Purchases between loan and merchant", "交易清算"),
    AccountType("suspense", "control", "liability", "Money not yet explained", "待查款项", manual=True),
    AccountType("unearned_discount", "control", "liability", "Interest-free discount not yet earned", "未实现贴息"),
    AccountType("funder_capital", "control", "equity", "Funds of the funder", "资金方资金", manual=True),
    AccountType("loan_principal", "control", "asset", "Loan principal", "贷款本金"),
    AccountType("loan_interest", "control", "asset", "Loan interest accrued", "应收利息"),
    AccountType("loan_fees", "control", "asset", "Loan fees due", "应收费用"),
    AccountType("loan_penalties", "control", "asset", "Late charges due", "应收逾期费用"),
    AccountType("loan_allowance", "control", "asset", "Allowance for loans charged off", "贷款损失准备"),
    AccountType("channel_cash", "money", "asset", "Payment channel account", "支付渠道账户", manual=True),
    AccountType("bank_cash", "money", "asset", "Bank account, own money", "银行自有账户", manual=True),
    AccountType("client_cash", "money", "asset", "Bank account, client money", "银行客户资金账户", manual=True),
    AccountType("interest_income", "control", "income", "Interest income", "利息收入", manual=True),
    AccountType("interest_given_up", "control", "income", "Interest waived or given back", "减免及退还利息", manual=True),
    AccountType("loan_fee_income", "control", "income", "Fees of consumers", "用户服务费收入", manual=True),
    AccountType("penalty_income", "control", "income", "Late charges", "逾期费用收入", manual=True),
    AccountType("fees_given_up", "control", "income", "Fees and late charges waived", "减免费用", manual=True),
    AccountType("recovery_income", "control", "income", "Recovered after write-off", "已核销贷款收回", manual=True),
    AccountType("discount_income", "control", "income", "Interest-free discount earned", "贴息收入", manual=True),
    AccountType("merchant_penalty_income", "control", "income", "Penalties of merchants", "商户违约金收入", manual=True),
    AccountType("fee_income", "control", "income", "Merchant service fees", "商户服务费收入", manual=True),
    AccountType("credit_loss", "control", "expense", "Credit losses", "信用减值损失", manual=True),
    AccountType("merchant_subsidy_expense", "control", "expense", "Subsidies to merchants", "商户补贴支出", manual=True),
    AccountType("goodwill_expense", "control", "expense", "Goodwill credits to consumers", "客户补偿支出", manual=True),
    AccountType("channel_fee_expense", "control", "expense", "Channel fees", "渠道手续费", manual=True),
    AccountType("reconciliation_difference", "control", "expense", "Differences written off", "对账差错核销", manual=True),
)
OPENING: Final = "opening"
"""The movement of a line on an account of money that says what lay there when the book was opened: no bank shows it."""

CHART: Final = {account.code: account for account in _TYPES}
