"""Tables of papers. All of them are append only."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class PayoffQuote(BookRow):
    """What ends some loans of a consumer on the day `on`, if it is paid before `valid_until`: the sum of its lines, known by the hash of all it says."""

    consumer_id = models.UUIDField()
    on = models.DateField()
    currency = models.TextField()
    loans = models.SmallIntegerField()
    total_minor = models.BigIntegerField()
    issued_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    sha256 = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(loans__gt=0, total_minor__gte=0), name="papers_payoff_quote_asks"),
            models.CheckConstraint(condition=Q(valid_until__gt=F("issued_at")), name="papers_payoff_quote_holds"),
        ]
        indexes = [models.Index(fields=["consumer_id", "issued_at"], name="papers_payoff_quote_consumer")]
        db_table = "papers_payoff_quote"


class PayoffLine(models.Model):
    """What ends one loan of a quote; `seq` facts of it were known."""

    pk = models.CompositePrimaryKey("quote_id", "loan_id")
    quote_id = models.UUIDField()
    loan_id = models.UUIDField()
    book_id = models.UUIDField()
    consumer_id = models.UUIDField()
    seq = models.IntegerField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField()
    penalties_minor = models.BigIntegerField()
    from_credit_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    saved_minor = models.BigIntegerField()

    class Meta:
        db_table = "papers_payoff_line"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    total_minor=F("principal_minor")
                    + F("interest_minor")
                    + F("fees_minor")
                    + F("penalties_minor")
                    - F("from_credit_minor"),
                ),
                name="papers_payoff_line_adds_up",
            ),
            models.CheckConstraint(condition=Q(total_minor__gte=0, from_credit_minor__gte=0), name="papers_payoff_line_asks"),
        ]


class PayoffUse(models.Model):
    """That a quote was used, once: for which collection or request, on its day and before it ran out."""

    quote_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    consumer_id = models.UUIDField()
    source_id = models.UUIDField(unique=True)
    used_at = models.DateTimeField()
    used_by = models.TextField()

    class Meta:
        db_table = "papers_payoff_use"


class Certificate(BookRow):
    """That a loan is settled: the `no`-th certificate of its book, the `nth` of its loan; `replaces_id` is the one before it, which was withdrawn."""

    no = models.IntegerField()
    loan_id = models.UUIDField()
    consumer_id = models.UUIDField()
    nth = models.SmallIntegerField()
    replaces_id = models.UUIDField(null=True, unique=True)
    seq = models.IntegerField()
    lender = models.TextField()
    currency = models.TextField()
    lent_minor = models.BigIntegerField()
    lent_on = models.DateField()
    settled_on = models.DateField()
    how = models.TextField()
    issued_on = models.DateField()
    issued_at = models.DateTimeField()
    sha256 = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "no"], name="papers_certificate_no"),
            models.UniqueConstraint(fields=["loan_id", "nth"], name="papers_certificate_nth"),
            models.CheckConstraint(condition=Q(how__in=["repaid", "recovered"]), name="papers_certificate_how"),
            models.CheckConstraint(
                condition=Q(no__gt=0, lent_minor__gt=0, nth=1, replaces_id__isnull=True)
                | Q(no__gt=0, lent_minor__gt=0, nth__gt=1, replaces_id__isnull=False),
                name="papers_certificate_replaces",
            ),
            models.CheckConstraint(condition=Q(settled_on__lte=F("issued_on")), name="papers_certificate_of_what_was"),
        ]
        indexes = [models.Index(fields=["consumer_id", "issued_at"], name="papers_certificate_consumer")]


class CertificateFile(models.Model):
    """The file of a certificate in one language, as it was first made: the same bytes for whoever asks again."""

    pk = models.CompositePrimaryKey("certificate_id", "language")
    certificate_id = models.UUIDField()
    language = models.TextField()
    book_id = models.UUIDField()
    consumer_id = models.UUIDField()
    content = models.BinaryField()
    sha256 = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "papers_certificate_file"
        constraints = [models.CheckConstraint(condition=Q(language__in=["zh", "en"]), name="papers_certificate_file_language")]
        indexes = [models.Index(fields=["book_id", "sha256"], name="papers_certificate_file_hash")]


class Withdrawal(models.Model):
    """That a certificate holds no longer, for its loan was opened again or changed."""

    certificate_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    consumer_id = models.UUIDField()
    reason = models.TextField()
    withdrawn_on = models.DateField()
    withdrawn_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(reason__in=["loan_reopened", "loan_changed"]), name="papers_withdrawal_reason"),
        ]
