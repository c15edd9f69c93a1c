"""Tables of loans of rule version 2026-2: what was agreed and entered, and what it came to be."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow, JsonTextField


class Sheet(BookRow):
    """Terms that many loans have in common: all but principal and days. Found by the digest of their text."""

    digest = models.TextField()
    terms = JsonTextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book_id", "digest"], name="loans_sheet_once")]


class Agreement(BookRow):
    """A loan of rule version 2026-2 as it was agreed: for a capture of an order, or moved here from another core, whose name is its `origin`.

    What the consumer accepted, of an order: which cost table, by its hash and the version of its template, when it was shown (where that is
    known) and when it was accepted.
    """

    capture_id = models.UUIDField(null=True)
    order_id = models.UUIDField(null=True)
    merchant_id = models.UUIDField(null=True)
    consumer_id = models.UUIDField()
    credit_account_id = models.UUIDField(null=True)
    funder_id = models.UUIDField()
    product = models.TextField()
    currency = models.TextField()
    principal_minor = models.BigIntegerField()
    disbursed_on = models.DateField()
    first_due_on = models.DateField(null=True)
    due_days = ArrayField(models.DateField(), null=True)
    sheet_id = models.UUIDField()
    origin = models.TextField(null=True)
    agreed_at = models.DateTimeField()
    agreed_on = models.DateField()
    disclosure_id = models.UUIDField(null=True)
    disclosure_hash = models.BinaryField(null=True)
    disclosure_version = models.TextField(null=True)
    shown_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(principal_minor__gt=0), name="loans_agreement_principal"),
            models.CheckConstraint(
                condition=Q(order_id__isnull=False, merchant_id__isnull=False, credit_account_id__isnull=False, origin__isnull=True)
                | Q(order_id__isnull=True, merchant_id__isnull=True, credit_account_id__isnull=True, origin__isnull=False),
                name="loans_agreement_of_an_order_or_from_elsewhere",
            ),
            models.CheckConstraint(condition=Q(capture_id__isnull=True) | Q(order_id__isnull=False), name="loans_agreement_capture"),
            models.CheckConstraint(
                condition=Q(
                    disclosure_id__isnull=True, disclosure_hash__isnull=True, disclosure_version__isnull=True, accepted_at__isnull=True
                )
                | Q(
                    disclosure_id__isnull=False, disclosure_hash__isnull=False, disclosure_version__isnull=False, accepted_at__isnull=False
                ),
                name="loans_agreement_accepted",
            ),
            models.CheckConstraint(
                condition=Q(shown_at__isnull=True) | Q(shown_at__lte=F("accepted_at")), name="loans_agreement_shown_before_accepted"
            ),
            models.UniqueConstraint(fields=["capture_id"], name="loans_agreement_of_a_capture"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="loans_agreement_order"),
            models.Index(fields=["consumer_id"], name="loans_agreement_consumer"),
            models.Index(fields=["merchant_id", "id"], condition=Q(merchant_id__isnull=False), name="loans_agreement_merchant"),
            models.Index(fields=["book_id", "product", "id"], name="loans_agreement_product"),
        ]


class Fact(BookRow):
    """What was entered of a loan, the `no`-th: an event with the day on which it is true, or that an earlier one (`undoes_no`) never happened."""

    loan_id = models.UUIDField()
    no = models.IntegerField()
    kind = models.TextField()
    effective_on = models.DateField(null=True)
    undoes_no = models.IntegerField(null=True)
    body = JsonTextField()
    source_id = models.UUIDField(unique=True)
    recorded_at = models.DateTimeField()
    recorded_on = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(no__gt=0), name="loans_fact_counted_from_1"),
            models.CheckConstraint(
                condition=Q(kind="undone", effective_on__isnull=True, undoes_no__gt=0, undoes_no__lt=F("no"))
                | (~Q(kind="undone") & Q(effective_on__isnull=False, undoes_no__isnull=True)),
                name="loans_fact_true_or_undone",
            ),
            models.UniqueConstraint(fields=["loan_id", "no"], name="loans_fact_no"),
            models.UniqueConstraint(fields=["loan_id", "undoes_no"], condition=Q(undoes_no__isnull=False), name="loans_fact_undone_once"),
        ]
        indexes = [BrinIndex(fields=["recorded_on"], name="loans_fact_recorded_on")]


class Applied(BookRow):
    """What became of money that came for a loan, or was taken off it again, when it was entered; its id is the source of the fact. `excess` is what
    the loan could not take and is owed back to its consumer. Of a charge-back that is all of it: it leaves as the bank took it. So is it of a credit
    balance that a loan which has ended no longer keeps (`credit_refunded`)."""

    loan_id = models.UUIDField()
    no = models.IntegerField()
    kind = models.TextField()
    effective_on = models.DateField()
    amount_minor = models.BigIntegerField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    charges_minor = models.BigIntegerField()
    excess_minor = models.BigIntegerField()
    reverses = models.UUIDField(null=True)
    recorded_at = models.DateTimeField()
    recorded_on = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["repaid", "refunded", "reversed", "charged_back", "credit_refunded"]), name="loans_applied_kind"
            ),
            models.CheckConstraint(
                condition=Q(kind="reversed", reverses__isnull=False) | (~Q(kind="reversed") & Q(reverses__isnull=True)),
                name="loans_applied_names_what_it_reverses",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0, excess_minor__gte=0), name="loans_applied_amount"),
            models.CheckConstraint(
                condition=Q(kind="reversed")
                | Q(kind__in=["charged_back", "credit_refunded"], excess_minor=F("amount_minor"))
                | (
                    Q(kind__in=["repaid", "refunded"])
                    & Q(amount_minor=F("principal_minor") + F("interest_minor") + F("charges_minor") + F("excess_minor"))
                ),
                name="loans_applied_parts_add_up",
            ),
            models.UniqueConstraint(fields=["reverses"], condition=Q(reverses__isnull=False), name="loans_applied_reversed_once"),
            models.UniqueConstraint(fields=["loan_id", "no"], name="loans_applied_no"),
        ]
        indexes = [BrinIndex(fields=["recorded_on"], name="loans_applied_recorded_on")]


class Checkpoint(models.Model):
    """A loan as it came to be after its first `seq` facts, as far as they were true on the day of its stretch: the state of the fold, and what
    came in and went out. A cache: it is made anew from agreement and facts, and may be one fact behind (`Stretch.behind`).
    `waits_for` is the day of the first fact that is still to come true."""

    loan_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    seq = models.IntegerField()
    waits_for = models.DateField(null=True)
    status = models.TextField()
    state = JsonTextField()
    tally = JsonTextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(seq__gte=0), name="loans_checkpoint_seq")]
        indexes = [models.Index(fields=["book_id", "status", "loan_id"], name="loans_checkpoint_status")]


class Due(models.Model):
    """What a row of a loan asks, and what of it was settled: paid or given up; as seen on the day of the loan's checkpoint. A cache, written
    anew with it."""

    pk = models.CompositePrimaryKey("loan_id", "no")
    loan_id = models.UUIDField()
    no = models.SmallIntegerField()
    book_id = models.UUIDField()
    kind = models.SmallIntegerField()
    start_on = models.DateField()
    due_on = models.DateField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField()
    penalties_minor = models.BigIntegerField()
    principal_settled_minor = models.BigIntegerField()
    interest_settled_minor = models.BigIntegerField()
    fees_settled_minor = models.BigIntegerField()
    penalties_settled_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{part}_settled_minor__gte": 0, f"{part}_settled_minor__lte": F(f"{part}_minor")}),
                    name=f"loans_due_{part}",
                )
                for part in ("principal", "interest", "fees", "penalties")
            ),
        ]
        indexes = [models.Index(fields=["book_id", "due_on"], name="loans_due_day")]
