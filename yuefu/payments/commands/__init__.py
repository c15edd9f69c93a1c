"""Writes of payments. Attempt or order first, commit, call the gateway, then settle with what it said."""

from yuefu.payments.commands.accounts import open_money_accounts
from yuefu.payments.commands.collections import CollectionAttempt, attempt_collections, attempted, settle_collections
from yuefu.payments.commands.contradictions import Closing, close_contradictions
from yuefu.payments.commands.debit_files import BadLine, keep_bad_lines
from yuefu.payments.commands.debits import (
    Again,
    DebitPlan,
    Drop,
    Take,
    begin_tries,
    drop_tries,
    follow_tries,
    plan_again,
    plan_debits,
    settle_notices,
)
from yuefu.payments.commands.mandates import (
    NewMandate,
    Revocation,
    begin_mandates,
    expire_mandates,
    revoke_mandates,
    settle_mandates,
)
from yuefu.payments.commands.payout_files import FileWanted, cancel_file, keep_answer, make_file
from yuefu.payments.commands.payouts import (
    PayoutOrder,
    SharePayoutOrder,
    order_payouts,
    order_share_payouts,
    recall_payouts,
    send_payouts,
    settle_payouts,
)
from yuefu.payments.commands.receipts import (
    NewMatch,
    ReturnOrder,
    Taken,
    leave_receipts,
    match_receipts,
    name_payers,
    order_returns,
    settle_returns,
    take_receipts,
)
from yuefu.payments.commands.refunds import RefundAttempt, attempt_refunds, refunds_attempted, settle_refunds
from yuefu.payments.commands.safeguarding import Safeguarded, safeguard
from yuefu.payments.commands.together import Part, TogetherAttempt, attempt_together, release_parts
from yuefu.payments.commands.transfers import TransferOrder, order_transfers, settle_transfers

__all__ = [
    "Again",
    "BadLine",
    "Closing",
    "CollectionAttempt",
    "DebitPlan",
    "Drop",
    "FileWanted",
    "NewMandate",
    "NewMatch",
    "Part",
    "PayoutOrder",
    "RefundAttempt",
    "ReturnOrder",
    "Revocation",
    "Safeguarded",
    "SharePayoutOrder",
    "Take",
    "Taken",
    "TogetherAttempt",
    "TransferOrder",
    "attempt_collections",
    "attempt_refunds",
    "attempt_together",
    "attempted",
    "begin_mandates",
    "begin_tries",
    "cancel_file",
    "close_contradictions",
    "drop_tries",
    "expire_mandates",
    "follow_tries",
    "keep_answer",
    "keep_bad_lines",
    "leave_receipts",
    "make_file",
    "match_receipts",
    "name_payers",
    "open_money_accounts",
    "order_payouts",
    "order_returns",
    "order_share_payouts",
    "order_transfers",
    "plan_again",
    "plan_debits",
    "recall_payouts",
    "refunds_attempted",
    "release_parts",
    "revoke_mandates",
    "safeguard",
    "send_payouts",
    "settle_collections",
    "settle_mandates",
    "settle_notices",
    "settle_payouts",
    "settle_refunds",
    "settle_returns",
    "settle_transfers",
    "take_receipts",
]
