"""The columns of WeChat Pay's bills: the name each has had, and which layout a header is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yuefu.reconciliation.gateways.cells import require_not_renamed
from yuefu.reconciliation.rules.bills import BillError

COLUMN_NAMES = {
    "子商户号": "特约商户号",
    "总金额": "应结订单金额",
    "代金券或立减优惠金额": "代金券金额",
    "企业红包金额": "代金券金额",
    "代金券或立减优惠退款金额": "充值券退款金额",
    "企业红包退款金额": "充值券退款金额",
    "总交易额": "应结订单总金额",
    "总退款金额": "退款总金额",
    "总代金券或立减优惠退款金额": "充值券退款总金额",
    "总企业红包退款金额": "充值券退款总金额",
}
TRADE_COLUMNS = ("交易时间", "商户号", "微信订单号", "商户订单号", "交易状态", "货币种类", "应结订单金额", "手续费")
_REFUND_COLUMNS = ("微信退款单号", "商户退款单号", "退款金额", "退款状态")
_REFUND_TIME_COLUMNS = ("退款申请时间", "退款成功时间")
_GLOBAL_MARKS = ("标价币种", "结算币种", "退款结算币种")
_GLOBAL_COLUMNS = (
    *("交易时间", "商户号", "微信订单号", "商户订单号", "交易状态", "结算币种", "应结订单金额", "手续费"),
    *("微信退款单号", "商户退款单号", "退款状态", "退款结算币种", "退款应结订单金额"),
)
FUND_COLUMNS = ("记账时间", "微信支付业务单号", "资金流水单号", "业务类型", "收支类型", "收支金额(元)", "账户结余(元)", "业务凭证号")
# All columns of each layout, as they are documented.
_ALL = (
    *(
        "交易时间",
        "公众账号ID",
        "商户号",
        "特约商户号",
        "设备号",
        "微信订单号",
        "商户订单号",
        "用户标识",
        "交易类型",
        "交易状态",
        "付款银行",
        "货币种类",
    ),
    *(
        "应结订单金额",
        "代金券金额",
        "微信退款单号",
        "商户退款单号",
        "退款金额",
        "充值券退款金额",
        "退款类型",
        "退款状态",
        "商品名称",
        "商户数据包",
    ),
    *("手续费", "费率", "订单金额", "申请退款金额", "费率备注"),
)
_ONLY_OF_REFUNDS = frozenset({"微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"})
_NOT_IN_LEGACY = frozenset({"订单金额", "申请退款金额", "费率备注"})
_ALL_OF_GLOBAL = (
    *(
        "交易时间",
        "公众账号ID",
        "商户号",
        "特约商户号",
        "设备号",
        "微信订单号",
        "商户订单号",
        "用户标识",
        "交易类型",
        "交易状态",
        "付款银行",
    ),
    *(
        "充值券币种",
        "充值券金额",
        "优惠券币种",
        "优惠券金额",
        "微信退款单号",
        "商户退款单号",
        "退款类型",
        "退款状态",
        "商品名称",
        "商户数据包",
    ),
    *(
        "手续费",
        "费率",
        "标价币种",
        "订单金额(标价币种)",
        "用户支付币种",
        "用户支付金额",
        "结算币种",
        "应结订单金额",
        "支付汇率",
        "退款汇率",
    ),
    *("申请退款金额", "用户退款币种", "用户退款金额", "退款结算币种", "退款应结订单金额", "充值券退款金额", "优惠券退款金额"),
)
_ALL_OF_FUND_FLOW = (*FUND_COLUMNS, "业务名称", "资金变更提交申请人", "备注")
# What a header of WeChat Pay is known by.
KNOWN = frozenset(
    (*COLUMN_NAMES, *COLUMN_NAMES.values(), *TRADE_COLUMNS, *_REFUND_COLUMNS, *_REFUND_TIME_COLUMNS, *_GLOBAL_COLUMNS, *FUND_COLUMNS)
)


@dataclass(frozen=True, slots=True)
class Header:
    """A header that is known: what layout it is and where each column stands, by its present-day name."""

    layout: str
    is_fund_flow: bool
    is_global: bool
    width: int
    at: Mapping[str, int]

    @classmethod
    def of(cls, names: Sequence[str]) -> "Header":
        at = {COLUMN_NAMES.get(name, name): index for index, name in enumerate(names)}
        if len(at) != len(names):
            raise BillError("unknown_layout", "The header names a column twice.", 1)
        is_fund_flow = "资金流水单号" in at or "记账时间" in at
        is_global = not is_fund_flow and any(name in at for name in _GLOBAL_MARKS)
        _require_columns(at, FUND_COLUMNS if is_fund_flow else _GLOBAL_COLUMNS if is_global else _trade_columns(at))
        layout = "wechat.fundflow.BASIC" if is_fund_flow else "wechat.trade." + ("GLOBAL" if is_global else _trade_layout(names))
        require_not_renamed(at, _ALL_OF_FUND_FLOW if is_fund_flow else _ALL_OF_GLOBAL if is_global else _usual(layout), 1)
        return cls(layout, is_fund_flow, is_global, len(names), at)


def _usual(layout: str) -> tuple[str, ...]:
    """The columns of a trade bill by its layout, which ends in legacy or older for the earlier names."""
    kind, earlier = layout.split(".")[2], layout.endswith((".legacy", ".older"))
    names = [name for name in _ALL if not (earlier and name in _NOT_IN_LEGACY)]
    if kind == "SUCCESS":
        names = [name for name in names if name not in _ONLY_OF_REFUNDS]
    return (*names, *(_REFUND_TIME_COLUMNS if kind == "REFUND" else ()))


def _trade_columns(at: Mapping[str, int]) -> tuple[str, ...]:
    has_refunds = any(name in at for name in (*_REFUND_COLUMNS, *_REFUND_TIME_COLUMNS))
    return TRADE_COLUMNS + (_REFUND_COLUMNS if has_refunds else ())


def _require_columns(at: Mapping[str, int], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in at]
    if not missing:
        return
    listed = ", ".join(missing)
    if 2 * len(missing) > len(required):
        raise BillError("unknown_layout", f"The header is not that of a known bill; it lacks {listed}.", 1)
    raise BillError("missing_column", f"The header lacks {listed}.", 1)


def _trade_layout(names: Sequence[str]) -> str:
    if any(name in names for name in _REFUND_TIME_COLUMNS):
        kind = "REFUND"
    else:
        kind = "ALL" if "微信退款单号" in names else "SUCCESS"
    if "企业红包金额" in names:
        return kind + ".older"
    return kind + ".legacy" if "总金额" in names else kind


def cells_of_header(line: str) -> list[str]:
    cells = (cell.strip().removeprefix("`").replace("（", "(").replace("）", ")") for cell in line.split(","))
    return list(cells)
