"""Writes of the ledger: every one takes many."""

from yuefu.ledger.commands.accounts import close_accounts, has_partitions, make_partitions, open_control, open_limited, set_limits
from yuefu.ledger.commands.checkpoints import roll_up, seal
from yuefu.ledger.commands.holding import extend_holds, place_holds, release_holds
from yuefu.ledger.commands.journal import JOURNAL, decide_entry, propose_entry
from yuefu.ledger.commands.posting import post, post_once, rehearse
from yuefu.ledger.commands.reversing import reverse
from yuefu.ledger.commands.transferring import expire_transfers, transfer

__all__ = [
    "JOURNAL",
    "close_accounts",
    "decide_entry",
    "expire_transfers",
    "extend_holds",
    "has_partitions",
    "make_partitions",
    "open_control",
    "open_limited",
    "place_holds",
    "post",
    "post_once",
    "propose_entry",
    "rehearse",
    "release_holds",
    "reverse",
    "roll_up",
    "seal",
    "set_limits",
    "transfer",
]
