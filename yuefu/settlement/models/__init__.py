"""Tables of settlement."""

from yuefu.settlement.models.freezes import Freeze, FreezePart
from yuefu.settlement.models.invoices import Invoice
from yuefu.settlement.models.items import Batch, BatchLine, Evidence, Item, Waiting
from yuefu.settlement.models.shares import Share, ShareAtRisk, ShareBatch, ShareLine, ShareWaiting

__all__ = [
    "Batch",
    "BatchLine",
    "Evidence",
    "Freeze",
    "FreezePart",
    "Invoice",
    "Item",
    "Share",
    "ShareAtRisk",
    "ShareBatch",
    "ShareLine",
    "ShareWaiting",
    "Waiting",
]
