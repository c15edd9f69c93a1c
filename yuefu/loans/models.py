"""Tables of loans, events, instalments and accruals."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow, JsonTextField


class Loan(BookRow):
    capture_id = models.UUIDField(unique=True)
    order_id = models.UUIDField()
    merchant_id = models.UUIDField()
    consumer_id = models.UUIDField()
    credit_account_id = models.UUIDField()
    funder_id = models.UUIDField()
    product = models.TextField()
    currency = models.TextField()
    principal_minor = models.BigIntegerField()
    periods = models.SmallIntegerField()
    annual_rate_ppm = models.IntegerField()
    day_count = models.TextField()
    disbursed_on = models.DateField()
    first_due_on = models.DateField()
    due_day = models.SmallIntegerField()
    rule_version = models.TextField()
    ceilings = ArrayField(models.BigIntegerField(), null=True)
    booked_at = models.DateTimeField()
    state = models.TextField()
    refunded_principal_minor = models.BigIntegerField()
    excess_minor = models.BigIntegerField()
    last_event_on = models.DateField()
    seq = models.IntegerField()
    discount_minor = models.BigIntegerField()
    discount_earned_minor = models.BigIntegerField()
    arrears_since = models.DateField(null=True)
    closed_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["active", "closed"]), name="loans_loan_state"),
            models.CheckConstraint(condition=Q(principal_minor__gt=0, periods__gte=2, periods__lte=36), name="loans_loan_terms"),
            models.CheckConstraint(condition=Q(state="active") | Q(closed_on__isnull=False), name="loans_loan_closed_on"),
            models.CheckConstraint(condition=Q(discount_minor__gte=0, discount_earned_minor__gte=0), name="loans_loan_discount"),
            models.CheckConstraint(condition=Q(state="active") | Q(arrears_since__isnull=True), name="loans_loan_closed_has_no_arrears"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="loans_loan_order"),
            models.Index(fields=["consumer_id"], condition=Q(state="active"), name="loans_loan_consumer"),
            models.Index(fields=["book_id", "arrears_since"], condition=Q(arrears_since__isnull=False), name="loans_loan_arrears"),
        ]


class Event(BookRow):
    """A dated fact of a loan: disbursed, repaid, refunded, or a repayment reversed. `no` is the order in which facts were recorded;
    `reverses_no` names the repayment that is taken off."""

    loan_id = models.UUIDField()
    no = models.IntegerField()
    kind = models.TextField()
    effective_on = models.DateField()
    amount_minor = models.BigIntegerField()
    source_id = models.UUIDField(unique=True)
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    excess_minor = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    recorded_on = models.DateField()
    reverses_no = models.IntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["disbursed", "repaid", "refunded", "reversed"]), name="loans_event_kind"),
            models.CheckConstraint(
                condition=Q(kind="reversed", reverses_no__isnull=False) | (~Q(kind="reversed") & Q(reverses_no__isnull=True)),
                name="loans_event_names_what_it_reverses",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="loans_event_amount"),
            models.CheckConstraint(
                condition=Q(kind="disbursed")
                | (~Q(kind="reversed") & Q(amount_minor=F("principal_minor") + F("interest_minor") + F("excess_minor")))
                | Q(kind="reversed", excess_minor=-F("principal_minor") - F("interest_minor")),
                name="loans_event_parts_add_up",
            ),
            models.UniqueConstraint(
                fields=["loan_id", "reverses_no"], condition=Q(reverses_no__isnull=False), name="loans_event_reversed_once"
            ),
            models.UniqueConstraint(fields=["loan_id", "no"], name="loans_event_no"),
        ]
        indexes = [BrinIndex(fields=["recorded_on"], name="loans_event_recorded_on")]


class Instalment(models.Model):
    pk = models.CompositePrimaryKey("loan_id", "no")
    loan_id = models.UUIDField()
    no = models.SmallIntegerField()
    book_id = models.UUIDField()
    consumer_id = models.UUIDField()
    start_on = models.DateField()
    due_on = models.DateField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    principal_paid_minor = models.BigIntegerField()
    interest_paid_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(principal_minor__gte=0, interest_minor__gte=0), name="loans_instalment_amounts"),
            models.CheckConstraint(
                condition=Q(principal_paid_minor__gte=0, principal_paid_minor__lte=F("principal_minor")), name="loans_instalment_principal"
            ),
            models.CheckConstraint(
                condition=Q(interest_paid_minor__gte=0, interest_paid_minor__lte=F("interest_minor")), name="loans_instalment_interest"
            ),
            models.CheckConstraint(condition=Q(due_on__gt=F("start_on")), name="loans_instalment_dates"),
        ]
        indexes = [models.Index(fields=["book_id", "due_on"], name="loans_instalment_due")]


class Accrual(models.Model):
    """Interest of one loan posted so far, and all the interest its schedule asks; kept apart because it moves every day."""

    loan_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    accrued_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["book_id"], condition=~Q(accrued_minor=F("total_minor")), name="loans_accrual_open")]


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
    the loan could not take and is owed back to its consumer. Of a charge-back that is all of it: it leaves as the bank took it."""

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
            models.CheckConstraint(condition=Q(kind__in=["repaid", "refunded", "reversed", "charged_back"]), name="loans_applied_kind"),
            models.CheckConstraint(
                condition=Q(kind="reversed", reverses__isnull=False) | (~Q(kind="reversed") & Q(reverses__isnull=True)),
                name="loans_applied_names_what_it_reverses",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0, excess_minor__gte=0), name="loans_applied_amount"),
            models.CheckConstraint(
                condition=Q(kind="reversed")
                | Q(kind="charged_back", excess_minor=F("amount_minor"))
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
    came in and went out. A cache: it is made anew from agreement and facts. `waits_for` is the day of the first fact that is still to come true."""

    loan_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    seq = models.IntegerField()
    waits_for = models.DateField(null=True)
    status = models.TextField()
    state = JsonTextField()
    tally = JsonTextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(seq__gte=0), name="loans_checkpoint_seq")]


class Portfolio(models.Model):
    """The loans of one product, funder and currency: what a day brought them is posted together."""

    pk = models.CompositePrimaryKey("book_id", "no")
    book_id = models.UUIDField()
    no = models.IntegerField()
    funder_id = models.UUIDField()
    product = models.TextField()
    currency = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "funder_id", "product", "currency"], name="loans_portfolio_once"),
            models.CheckConstraint(condition=Q(no__gt=0), name="loans_portfolio_counted_from_1"),
        ]


class Stretch(models.Model):
    """Where a loan was posted to stand by the end of `since`, and how it goes on by itself until `until`: by lines that `plans` describes.

    The one of today is replaced on the last of all days; one that was replaced while an earlier day was still closing stays until that day is
    closed. `stuck` says that the close could not go on with the loan, `told` counts the events of the loan. `late_since` and what follows: what
    is overdue by its day.
    """

    pk = models.CompositePrimaryKey("loan_id", "replaced_on")
    loan_id = models.UUIDField()
    replaced_on = models.DateField()
    book_id = models.UUIDField()
    portfolio_no = models.IntegerField()
    since = models.DateField()
    until = models.DateField()
    stuck = models.BooleanField()
    told = models.IntegerField()
    begin = models.DateField()
    bearing = models.BigIntegerField()
    nightly = models.BigIntegerField()
    whole = models.BigIntegerField()
    rest = models.BigIntegerField()
    floor = models.BigIntegerField()
    discount = models.BigIntegerField()
    discount_begin = models.DateField()
    discount_days = models.IntegerField()
    late_since = models.DateField(null=True)
    bucket = models.TextField()
    late_principal_minor = models.BigIntegerField()
    late_interest_minor = models.BigIntegerField()
    late_fees_minor = models.BigIntegerField()
    late_penalties_minor = models.BigIntegerField()
    loan_principal = models.BigIntegerField()
    loan_interest = models.BigIntegerField()
    loan_fees = models.BigIntegerField()
    loan_penalties = models.BigIntegerField()
    loan_allowance = models.BigIntegerField()
    consumer_balance = models.BigIntegerField()
    collections_clearing = models.BigIntegerField()
    purchase_clearing = models.BigIntegerField()
    unearned_discount = models.BigIntegerField()
    discount_income = models.BigIntegerField()
    interest_income = models.BigIntegerField()
    interest_given_up = models.BigIntegerField()
    loan_fee_income = models.BigIntegerField()
    penalty_income = models.BigIntegerField()
    fees_given_up = models.BigIntegerField()
    recovery_income = models.BigIntegerField()
    credit_loss = models.BigIntegerField()
    goodwill_expense = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("since"), replaced_on__gt=F("since")), name="loans_stretch_days"),
        ]


class Lateness(models.Model):
    """How late a loan was from the day `on`, by what was recorded of it then; the next row says when that changed. No `late_since`: not at all."""

    pk = models.CompositePrimaryKey("loan_id", "on")
    loan_id = models.UUIDField()
    on = models.DateField()
    book_id = models.UUIDField()
    late_since = models.DateField(null=True)
    bucket = models.TextField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField()
    penalties_minor = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["book_id", "on"], name="loans_lateness_day")]


class Brought(models.Model):
    """What a day brought the loans of a portfolio, one chunk of its close: the sum, and each loan's part of it. `kind` is what was earned."""

    pk = models.CompositePrimaryKey("book_id", "on", "chunk", "portfolio_no", "kind")
    book_id = models.UUIDField()
    on = models.DateField()
    chunk = models.IntegerField()
    portfolio_no = models.IntegerField()
    kind = models.TextField()
    minor = models.BigIntegerField()
    loan_ids = ArrayField(models.UUIDField())
    minors = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["interest", "fees", "penalties", "discount", "allowance"]), name="loans_brought_kind"
            ),
        ]


class Stand(models.Model):
    """Where the loans of a portfolio stood by the end of a day, one chunk of its close: what the control accounts have to be."""

    pk = models.CompositePrimaryKey("book_id", "on", "chunk", "portfolio_no")
    book_id = models.UUIDField()
    on = models.DateField()
    chunk = models.IntegerField()
    portfolio_no = models.IntegerField()
    loans = models.IntegerField()
    loan_principal = models.BigIntegerField()
    loan_interest = models.BigIntegerField()
    loan_fees = models.BigIntegerField()
    loan_penalties = models.BigIntegerField()
    loan_allowance = models.BigIntegerField()
    consumer_balance = models.BigIntegerField()
    unearned_discount = models.BigIntegerField()


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
