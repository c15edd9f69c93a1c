"""Disputes: purchases that consumers contest, which the merchant answers with evidence, or accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from yuefu import ids
from yuefu.aftersales.queries import disputes as queries
from yuefu.aftersales.rules.disputes import KINDS, LONGEST_EVIDENCE, OUTCOMES, REASONS, STATES, Dispute, Evidence
from yuefu.api import expanding, listing
from yuefu.api.bodies import Body, Named, Text, _id, id_text
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Listing, Page, a_day, an_id, one_of
from yuefu.api.route import Route, gets
from yuefu.journeys.disputes import EvidenceRequest, Moved, StepRequest
from yuefu.runtime.paging import Span

FileId = Annotated[UUID, PlainValidator(partial(_id, "file")), WithJsonSchema(id_text("file"), mode="validation")]


def _lines(text: str) -> str:
    if not text.strip() or not all(line.isprintable() for line in text.split("\n")):
        raise ValueError("printable characters and ends of lines, and not blanks alone")
    return text


_SOMETHING: Final[list[Any]] = [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("text", "file")]


class NewEvidence(Body):
    """What proves something: a text, a file that was sent before, or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _SOMETHING})

    kind: Literal[KINDS]  # type: ignore[valid-type]
    text: (
        Annotated[
            str, AfterValidator(_lines), Field(min_length=1, max_length=LONGEST_EVIDENCE, description="Printable characters, in lines.")
        ]
        | None
    ) = None
    file: FileId | None = None

    @model_validator(mode="after")
    def _something(self) -> NewEvidence:
        if self.text is None and self.file is None:
            raise ValueError("evidence is a text or a file")
        return self


class Note(Body):
    """What you say of a step, for whoever rules on it; {} says nothing."""

    note: Annotated[Text, Field(max_length=500)] = ""


class EvidenceShown(BaseModel):
    id: str
    kind: str
    text: str
    file: Named | None
    created_at: datetime


class EvidenceAdded(EvidenceShown):
    object: Literal["dispute_evidence"]
    dispute: str


class StepShown(BaseModel):
    """A step of the dispute and where it led to."""

    no: int
    step: str
    state: str
    taken_on: date


class StepTaken(StepShown):
    object: Literal["dispute_step"]
    dispute: str


class DisputeShown(BaseModel):
    """A purchase that its consumer contests. `due_on` is the last day on which you can do what it waits for: answer, or appeal. Of one that is closed,
    `outcome` is yours; what a lost one cost is the `refund`, in your balance transactions as a charge_back.
    """

    object: Literal["dispute"]
    id: str
    order: Named
    state: Literal[STATES]  # type: ignore[valid-type]
    reason: str
    claim: str
    amount: int
    currency: str
    due_on: date | None
    ruling: Literal["won", "lost"] | None
    outcome: Literal["won", "lost"] | None
    closed_on: date | None
    refund: Named | None
    amount_refunded: int
    evidence: list[EvidenceShown]
    steps: list[StepShown]
    created_at: datetime


class DisputeList(Page[DisputeShown]):
    """A page of disputes, newest first."""


LISTING: Final = Listing(
    "dispute",
    "/v1/disputes",
    (
        an_id("order", "order", "Only those of this order."),
        one_of("state", STATES, "Only those in this state."),
        one_of("outcome", OUTCOMES, "Only those that ended so, for you."),
        one_of("reason", REASONS, "Only those with this reason."),
        *CREATED,
        a_day("due_until", "Only those that wait for you, until this day or an earlier one."),
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/disputes/{dispute_id}"""
    return await call.shown("dispute", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/disputes"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = queries.page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else _all_shown(page)

    return await listing.page(call, LISTING, found)


async def add_evidence(call: Call) -> dict[str, Any]:
    """POST /v1/disputes/{dispute_id}/evidence"""
    body = cast("NewEvidence", call.body)
    key = call.key or call.request_id
    asked = EvidenceRequest(key, call.merchant_id, call.object_id("dispute"), body.kind, body.text or "", body.file, by=call.by)
    added: Evidence = await call.ask("evidence", asked)
    return {"object": "dispute_evidence", "dispute": ids.text("dispute", added.dispute_id), **_evidence(added)}


async def submit(call: Call) -> dict[str, Any]:
    """POST /v1/disputes/{dispute_id}/submit"""
    return await _step(call, "submit")


async def accept(call: Call) -> dict[str, Any]:
    """POST /v1/disputes/{dispute_id}/accept"""
    return await _step(call, "accept")


async def appeal(call: Call) -> dict[str, Any]:
    """POST /v1/disputes/{dispute_id}/appeal"""
    return await _step(call, "appeal")


async def _step(call: Call, step: str) -> dict[str, Any]:
    body = cast("Note", call.body)
    key = call.key or call.request_id
    asked = StepRequest(key, call.merchant_id, call.object_id("dispute"), step, body.note, by=call.by)
    moved: Moved = await call.ask("dispute", asked)
    return {
        "object": "dispute_step",
        "dispute": ids.text("dispute", moved.dispute_id),
        "no": moved.no,
        "step": moved.step,
        "state": moved.state,
        "taken_on": moved.taken_on,
    }


def read(dispute_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Disputes of the merchant who reads, as they are shown."""
    found = queries.seen(ids=dispute_ids)
    return dict(zip(found, _all_shown(list(found.values())), strict=True))


expanding.register("dispute", read)


def _all_shown(found: Sequence[Dispute]) -> list[dict[str, Any]]:
    named = [one.id for one in found]
    proofs, steps = queries.evidence(dispute_ids=named), queries.steps(dispute_ids=named)
    return [_shown(one, proofs.get(one.id, ()), steps.get(one.id, ())) for one in found]


def _shown(one: Dispute, proofs: Sequence[Evidence], steps: Sequence[queries.Step]) -> dict[str, Any]:
    return {
        "object": "dispute",
        "id": ids.text("dispute", one.id),
        "order": ids.text("order", one.order_id),
        "state": one.state,
        "reason": one.reason,
        "claim": one.claim,
        "amount": one.amount.minor,
        "currency": one.amount.currency,
        "due_on": one.due_on,
        "ruling": one.ruling or None,
        "outcome": one.outcome or None,
        "closed_on": one.closed_on,
        "refund": ids.text("refund", one.refund_id) if one.refund_id else None,
        "amount_refunded": one.refunded.minor,
        "evidence": [_evidence(proof) for proof in proofs],
        "steps": [{"no": step.no, "step": step.step, "state": step.state, "taken_on": step.taken_on} for step in steps],
        "created_at": one.opened_at.astimezone(UTC),
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "kind": one.kind,
        "text": one.text,
        "file": ids.text("file", one.file_id) if one.file_id else None,
        "created_at": one.recorded_at.astimezone(UTC),
    }


_ONE: Final = "/v1/disputes/{dispute_id}"
_EXPANDS: Final = ("order", "refund", "evidence.file")

ROUTES: Final = (
    gets(
        "/v1/disputes",
        "dispute.read",
        listed,
        DisputeList,
        "List disputes, newest first",
        LISTING.parameters,
        expands=tuple(f"data.{name}" for name in _EXPANDS),
    ),
    gets(_ONE, "dispute.read", show, DisputeShown, "Show a dispute", expands=_EXPANDS),
    Route("POST", f"{_ONE}/evidence", "dispute.answer", add_evidence, NewEvidence, EvidenceAdded, 201, False, "Add evidence"),
    Route(
        "POST", f"{_ONE}/submit", "dispute.answer", submit, Note, StepTaken, 201, False, "Answer a dispute with the evidence that is there"
    ),
    Route("POST", f"{_ONE}/accept", "dispute.answer", accept, Note, StepTaken, 201, True, "Accept a dispute: the consumer is given back"),
    Route("POST", f"{_ONE}/appeal", "dispute.answer", appeal, Note, StepTaken, 201, False, "Appeal against what was ruled, once"),
)
