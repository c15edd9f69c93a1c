"""Tables of payments."""

from yuefu.payments.models.callbacks import Callback
from yuefu.payments.models.debit_files import DebitLine
from yuefu.payments.models.mandates import Contradiction, Debit, DebitTry, Mandate, MandateStep, SandboxContract, SandboxNotice
from yuefu.payments.models.moving import ChannelRefund, Collection, MoneyAccount, Payout, SandboxFlow, SandboxTrade, Transfer
from yuefu.payments.models.payout_files import PayoutAnswer, PayoutFile, PayoutFileLine
from yuefu.payments.models.receipts import PayerReference, Receipt, ReceiptMatch, ReceiptReturn

__all__ = [
    "Callback",
    "ChannelRefund",
    "Collection",
    "Contradiction",
    "Debit",
    "DebitLine",
    "DebitTry",
    "Mandate",
    "MandateStep",
    "MoneyAccount",
    "PayerReference",
    "Payout",
    "PayoutAnswer",
    "PayoutFile",
    "PayoutFileLine",
    "Receipt",
    "ReceiptMatch",
    "ReceiptReturn",
    "SandboxContract",
    "SandboxFlow",
    "SandboxNotice",
    "SandboxTrade",
    "Transfer",
]
