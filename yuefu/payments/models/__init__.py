"""Tables of payments."""

from yuefu.payments.models.mandates import Contradiction, Debit, DebitTry, Mandate, MandateStep, SandboxContract, SandboxNotice
from yuefu.payments.models.moving import ChannelRefund, Collection, MoneyAccount, Payout, SandboxFlow, SandboxTrade, Transfer

__all__ = [
    "ChannelRefund",
    "Collection",
    "Contradiction",
    "Debit",
    "DebitTry",
    "Mandate",
    "MandateStep",
    "MoneyAccount",
    "Payout",
    "SandboxContract",
    "SandboxFlow",
    "SandboxNotice",
    "SandboxTrade",
    "Transfer",
]
