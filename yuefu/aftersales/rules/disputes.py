"""Disputes: a consumer contests what was bought, the merchant answers, the platform rules. Which steps a dispute takes, by whom and until when. Pure.

    initiated → representment → pre_arbitration → arbitration → closed

The merchant answers within so many days, fewer where the consumer says that they did not buy; who does not answer has lost. What is answered is ruled on;
who lost may appeal within so many days, and what is ruled on appeal stands. The merchant may concede, and the consumer withdraw, until it is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money

State = Literal["initiated", "representment", "pre_arbitration", "arbitration", "closed"]
STATES: Final[tuple[State, ...]] = ("initiated", "representment", "pre_arbitration", "arbitration", "closed")

REASONS: Final = ("return", "goods_not_received", "faulty_goods", "incorrect_invoice", "already_paid", "unauthorised", "high_risk_order")
OUTCOMES: Final = ("won", "lost")
"""As the merchant sees it: the consumer who contests loses what the merchant wins."""
KINDS: Final = ("delivery", "activation", "communication", "refund", "invoice", "identity", "terms", "other")
"""What a piece of evidence is to prove."""

UNKNOWN_DISPUTE = "unknown_dispute"
UNKNOWN_REASON = "unknown_reason"
DISPUTE_OPEN = "dispute_open"  # this order is contested already: end that first
NOT_POSSIBLE = "dispute_step_not_possible"
TOO_LATE = "dispute_too_late"  # the days to answer or to appeal are over
NO_EVIDENCE = "evidence_missing"  # there is nothing to answer with: add evidence first, or concede
TOO_MUCH_EVIDENCE = "evidence_too_much"
EVIDENCE_INVALID = "evidence_invalid"
UNKNOWN_FILE = "evidence_file_unknown"
TEXT_INVALID = "text_invalid"

POLICY: Final = "disputes.policy"
DEFAULT_POLICY: Final[Mapping[str, int]] = {"answer_days": 21, "answer_days_unauthorised": 7, "appeal_days": 10}
LONGEST_CLAIM: Final = 500
LONGEST_EVIDENCE: Final = 5_000
MOST_EVIDENCE: Final = 50
_MOST_DAYS: Final = 180

Step = Literal["submit", "accept", "withdraw", "rule_won", "rule_lost", "appeal", "appeal_of_consumer", "pass"]
STEPS: Final[Mapping[str, tuple[State, ...]]] = {
    "submit": ("initiated",),
    "accept": ("initiated", "representment", "pre_arbitration", "arbitration"),
    "withdraw": ("initiated", "representment", "pre_arbitration", "arbitration"),
    "rule_won": ("representment", "arbitration"),
    "rule_lost": ("representment", "arbitration"),
    "appeal": ("pre_arbitration",),
    "appeal_of_consumer": ("pre_arbitration",),
    "pass": ("initiated", "pre_arbitration"),
}
"""From which states each step can be taken. `pass`: the days were let pass."""
OF_MERCHANTS: Final = ("submit", "accept", "appeal")


@dataclass(frozen=True, slots=True)
class Policy:
    """How many days there are to answer, and to appeal."""

    answer_days: int
    answer_days_unauthorised: int
    appeal_days: int


def policy(value: Any) -> Policy:
    """Raises ValueError for what is no such setting."""
    if not isinstance(value, Mapping) or set(value) != set(DEFAULT_POLICY):
        raise ValueError(f"it has {', '.join(DEFAULT_POLICY)} and nothing else")
    for name in DEFAULT_POLICY:
        if type(value[name]) is not int or not 1 <= value[name] <= _MOST_DAYS:
            raise ValueError(f"{name} is a whole number of days from 1 to {_MOST_DAYS}")
    return Policy(**value)


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as it stands after `no` steps. `answer_by` and `appeal_by` are the last days on which it can be answered, and appealed. `ruling` is what
    was ruled first, `outcome` what became of it; `closed_by` the step that closed it. `refunded` is what it cost, where it was lost."""

    id: UUID
    no: int
    order_id: UUID
    merchant_id: UUID
    consumer_id: UUID
    reason: str
    claim: str
    amount: Money
    state: State
    answer_by: date
    appeal_by: date | None
    ruling: str
    outcome: str
    closed_by: str
    closed_on: date | None
    opened_on: date
    opened_at: datetime
    refund_id: UUID | None
    refunded: Money

    @property
    def due_on(self) -> date | None:
        """The last day on which the merchant can do something that waits for it: answer, or appeal against what was ruled."""
        if self.state == "initiated":
            return self.answer_by
        return self.appeal_by if self.state == "pre_arbitration" and self.ruling == "lost" else None


def answer_by(reason: str, opened_on: date, given: Policy) -> date:
    """The last day to answer."""
    return opened_on + timedelta(days=given.answer_days_unauthorised if reason == "unauthorised" else given.answer_days)


def fault_of_claim(reason: str, claim: str) -> Refused | None:
    """Why nothing can be contested so."""
    if reason not in REASONS:
        return Refused(UNKNOWN_REASON, f"a reason is one of {', '.join(REASONS)}", "reason")
    if not 1 <= len(claim) <= LONGEST_CLAIM or not claim.isprintable() or not claim.strip():
        return Refused(TEXT_INVALID, f"a claim has 1 to {LONGEST_CLAIM} printable characters", "claim")
    return None


def take(dispute: Dispute, step: str, *, on: date, given: Policy, evidence: int) -> Dispute | Refused:
    """The dispute after a step, with so many pieces of evidence; what a loss costs is not in it yet."""
    if dispute.state not in STEPS[step]:
        return Refused(NOT_POSSIBLE, f"the dispute is {_stands(dispute)}", "step")
    if (refused := _in_time(dispute, step, on)) is not None:
        return refused
    after = replace(dispute, no=dispute.no + 1)
    if step == "submit":
        if not evidence:
            return Refused(NO_EVIDENCE, "add evidence first, or concede", "step")
        return replace(after, state="representment")
    if step in ("rule_won", "rule_lost") and dispute.state == "representment":
        by = on + timedelta(days=given.appeal_days)
        return replace(after, state="pre_arbitration", ruling=step.removeprefix("rule_"), appeal_by=by)
    if step in ("appeal", "appeal_of_consumer"):
        if dispute.ruling != ("lost" if step == "appeal" else "won"):
            return Refused(NOT_POSSIBLE, "who was ruled for has nothing to appeal against", "step")
        return replace(after, state="arbitration")
    return replace(after, state="closed", outcome=_outcome(dispute, step), closed_by=step, closed_on=on)


def _outcome(dispute: Dispute, step: str) -> str:
    if step in ("rule_won", "rule_lost"):
        return step.removeprefix("rule_")
    if step == "pass" and dispute.state == "pre_arbitration":
        return dispute.ruling
    return "won" if step == "withdraw" else "lost"


def _in_time(dispute: Dispute, step: str, on: date) -> Refused | None:
    """Whether the days for a step are there, or are over where that is what it says."""
    last = dispute.answer_by if dispute.state == "initiated" else dispute.appeal_by
    if last is None:
        return None
    if step == "pass":
        return None if on > last else Refused(NOT_POSSIBLE, f"there is time until {last}", "step")
    if step in ("submit", "appeal", "appeal_of_consumer") and on > last:
        return Refused(TOO_LATE, f"this could be done until {last}", "step")
    return None


def may_add(dispute: Dispute, on: date) -> Refused | None:
    """Whether evidence can be added still: until it is answered, and again where it is ruled on another time."""
    if dispute.state not in ("initiated", "pre_arbitration", "arbitration"):
        return Refused(NOT_POSSIBLE, f"the dispute is {_stands(dispute)}", "dispute_id")
    return _in_time(dispute, "submit", on) if dispute.state != "arbitration" else None


def _stands(dispute: Dispute) -> str:
    return f"closed and was {dispute.outcome}" if dispute.state == "closed" else dispute.state


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence: a text, a file, or both."""

    id: UUID
    dispute_id: UUID
    kind: str
    text: str
    file_id: UUID | None
    recorded_at: datetime


def fault_of_evidence(kind: str, text: str, file_id: UUID | None) -> Refused | None:
    """Why something is no evidence."""
    if kind not in KINDS:
        return Refused(EVIDENCE_INVALID, f"evidence is one of {', '.join(KINDS)}", "kind")
    if not text.strip() and file_id is None:
        return Refused(EVIDENCE_INVALID, "evidence is a text or a file", "text")
    if len(text) > LONGEST_EVIDENCE or not all(line.isprintable() for line in text.split("\n")):
        return Refused(EVIDENCE_INVALID, f"a text has at most {LONGEST_EVIDENCE} printable characters", "text")
    return None
