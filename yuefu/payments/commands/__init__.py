"""Writes of payments. Attempt or order first, commit, call the gateway, then settle with what it said."""

from yuefu.payments.commands.accounts import open_money_accounts
from yuefu.payments.commands.collections import CollectionAttempt, attempt_collections, attempted, settle_collections
from yuefu.payments.commands.payouts import PayoutOrder, order_payouts, send_payouts, settle_payouts
from yuefu.payments.commands.refunds import RefundAttempt, attempt_refunds, refunds_attempted, settle_refunds
from yuefu.payments.commands.safeguarding import Safeguarded, safeguard
from yuefu.payments.commands.together import Part, TogetherAttempt, attempt_together, release_parts
from yuefu.payments.commands.transfers import TransferOrder, order_transfers, settle_transfers

__all__ = [
    "CollectionAttempt",
    "Part",
    "PayoutOrder",
    "RefundAttempt",
    "Safeguarded",
    "TogetherAttempt",
    "TransferOrder",
    "attempt_collections",
    "attempt_refunds",
    "attempt_together",
    "attempted",
    "open_money_accounts",
    "order_payouts",
    "order_transfers",
    "refunds_attempted",
    "release_parts",
    "safeguard",
    "send_payouts",
    "settle_collections",
    "settle_payouts",
    "settle_refunds",
    "settle_transfers",
]
