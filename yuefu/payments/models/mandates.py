"""Tables of mandates and debits. The two `Sandbox…` tables are books of the sandbox channel; only its gateway reads them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class Mandate(BookRow):
    """What a consumer allowed us to take by ourselves. One consumer has one in force at a time."""

    reference = models.TextField()
    consumer_id = models.UUIDField()
    kind = models.TextField()
    instrument = models.TextField()
    contract = models.TextField(default="")
    limit_minor = models.BigIntegerField()
    currency = models.TextField()
    valid_until = models.DateField(null=True)
    state = models.TextField(default="signing")
    code = models.TextField(default="")
    begun_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    seq = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "reference"], name="payments_mandate_reference"),
            models.UniqueConstraint(fields=["book_id", "contract"], condition=~Q(contract=""), name="payments_mandate_contract"),
            models.UniqueConstraint(
                fields=["book_id", "consumer_id"], condition=Q(state__in=["signing", "active"]), name="payments_mandate_one_in_force"
            ),
            models.CheckConstraint(condition=Q(kind__in=["wallet", "bank"]), name="payments_mandate_kind"),
            models.CheckConstraint(condition=Q(limit_minor__gt=0), name="payments_mandate_limit"),
            models.CheckConstraint(
                condition=Q(state="signing", signed_at__isnull=True, ended_at__isnull=True, told_at__isnull=True)
                | (Q(state="active", signed_at__isnull=False, ended_at__isnull=True, told_at__isnull=True) & ~Q(contract=""))
                | Q(state__in=["failed", "revoked"], ended_at__isnull=False)
                | Q(state__in=["lost", "expired"], signed_at__isnull=False, ended_at__isnull=False),
                name="payments_mandate_state",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "id"], condition=Q(state="active"), name="payments_mandate_active"),
            models.Index(
                fields=["book_id", "valid_until"], condition=Q(state="active", valid_until__isnull=False), name="payments_mandate_ending"
            ),
            models.Index(
                fields=["book_id", "begun_at"],
                condition=Q(state="signing") | Q(state__in=["revoked", "expired"], told_at__isnull=True),
                name="payments_mandate_to_tell",
            ),
        ]


class MandateStep(BookRow):
    """A step of a mandate, never changed: who took it and why."""

    mandate_id = models.UUIDField()
    consumer_id = models.UUIDField()
    no = models.IntegerField()
    state = models.TextField()
    actor = models.TextField()
    reason = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "payments_mandate_step"
        constraints = [models.UniqueConstraint(fields=["mandate_id", "no"], name="payments_mandate_step_in_order")]


class Debit(BookRow):
    """What is to be taken by a mandate for one loan and due day."""

    mandate_id = models.UUIDField()
    consumer_id = models.UUIDField()
    loan_id = models.UUIDField()
    due_on = models.DateField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    state = models.TextField(default="open")
    code = models.TextField(default="")
    policy_version = models.IntegerField()
    planned_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    seq = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mandate_id", "loan_id", "due_on"], name="payments_debit_one_an_occasion"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_debit_amount"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True)
                | Q(state__in=["collected", "given_up", "cancelled"], ended_at__isnull=False),
                name="payments_debit_state",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "id"], condition=Q(state="open"), name="payments_debit_open"),
            models.Index(fields=["loan_id"], name="payments_debit_loan"),
            models.Index(fields=["book_id", "consumer_id"], name="payments_debit_consumer"),
        ]


class DebitTry(BookRow):
    """One try to take a debit; of a debit one at most is under way. Once it was sent, it has a collection, and ends as that does."""

    reference = models.TextField()
    debit_id = models.UUIDField()
    consumer_id = models.UUIDField()
    no = models.IntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    announce_on = models.DateField(null=True)
    debit_on = models.DateField()
    state = models.TextField(default="planned")
    code = models.TextField(default="")
    notice = models.TextField(default="")
    announced_at = models.DateTimeField(null=True)
    collection_id = models.UUIDField(null=True)

    class Meta:
        db_table = "payments_debit_try"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "reference"], name="payments_debit_try_reference"),
            models.UniqueConstraint(fields=["debit_id", "no"], name="payments_debit_try_in_order"),
            models.UniqueConstraint(
                fields=["debit_id"], condition=Q(state__in=["planned", "announced", "attempted"]), name="payments_debit_try_one_under_way"
            ),
            models.UniqueConstraint(fields=["collection_id"], name="payments_debit_try_collection"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_debit_try_amount"),
            models.CheckConstraint(
                condition=Q(announce_on__isnull=True) | Q(announce_on__lt=F("debit_on")), name="payments_debit_try_announced_before"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["planned", "dropped", "failed"])
                | Q(state="announced", announced_at__isnull=False)
                | Q(state__in=["attempted", "succeeded"], collection_id__isnull=False),
                name="payments_debit_try_state",
            ),
        ]
        indexes = [
            models.Index(
                fields=["book_id", "debit_on"], condition=Q(state__in=["planned", "announced"]), name="payments_debit_try_to_send"
            ),
            models.Index(fields=["book_id", "id"], condition=Q(state="attempted"), name="payments_debit_try_sent"),
        ]


class Contradiction(BookRow):
    """An answer of the channel that cannot be true beside what stood of a collection: kept for a person."""

    collection_id = models.UUIDField()
    consumer_id = models.UUIDField()
    currency = models.TextField()
    code = models.TextField()
    stood = models.TextField()
    said = models.TextField()
    said_minor = models.BigIntegerField()
    said_fee_minor = models.BigIntegerField()
    said_currency = models.TextField()
    provider_id = models.TextField()
    said_code = models.TextField()
    said_on = models.DateField(null=True)
    heard_at = models.DateTimeField()
    state = models.TextField(default="open")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.TextField(default="")
    reason = models.TextField(default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection_id", "stood", "said", "said_minor", "said_currency"], name="payments_contradiction_once"
            ),
            models.CheckConstraint(condition=Q(code__in=["contradicts", "amount_differs"]), name="payments_contradiction_code"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True, closed_by="", reason="")
                | (Q(state="dismissed", closed_at__isnull=False) & ~Q(closed_by="") & ~Q(reason=""))
                | (
                    Q(state="accepted", closed_at__isnull=False, code="contradicts", stood="failed", said="succeeded")
                    & ~Q(closed_by="")
                    & ~Q(reason="")
                ),
                name="payments_contradiction_state",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "heard_at"], condition=Q(state__in=["open", "accepted"]), name="payments_contradiction_open")
        ]


class SandboxContract(models.Model):
    """A mandate as the sandbox channel knows it, by the number its customer gave it; `number` is its own. `debits` counts what was asked."""

    pk = models.CompositePrimaryKey("book_id", "reference")
    book_id = models.UUIDField()
    reference = models.TextField()
    number = models.TextField()
    kind = models.TextField()
    instrument = models.TextField()
    payer = models.TextField()
    limit_minor = models.BigIntegerField()
    currency = models.TextField()
    valid_until = models.DateField(null=True)
    state = models.TextField()
    failure_code = models.TextField(default="")
    silent = models.BooleanField(default=False)
    debits = models.IntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        db_table = "payments_sandbox_contract"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "number"], name="payments_sandbox_contract_number"),
            models.CheckConstraint(condition=Q(state__in=["active", "refused", "ended"]), name="payments_sandbox_contract_state"),
        ]


class SandboxNotice(models.Model):
    """A prior notice as the sandbox channel knows it: so much is taken by a contract on that day, and nothing else is."""

    pk = models.CompositePrimaryKey("book_id", "reference")
    book_id = models.UUIDField()
    reference = models.TextField()
    number = models.TextField()
    contract = models.TextField()
    amount_minor = models.BigIntegerField()
    debit_on = models.DateField()
    outcome = models.TextField()
    failure_code = models.TextField(default="")
    silent = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        db_table = "payments_sandbox_notice"
        indexes = [models.Index(fields=["book_id", "contract", "debit_on"], name="payments_sandbox_notice_of")]
