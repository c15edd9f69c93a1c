"""Tables of the sandbox. A trigger keeps all of them out of live books."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from yuefu.runtime.tables import BookRow


class TestClock(BookRow):
    """A test clock of a merchant. `at` is its own time; `made_at` and `used_at` are the world's, told by the database."""

    merchant_id = models.UUIDField()
    name = models.TextField()
    state = models.TextField(default="making")
    frozen_at = models.DateTimeField()
    at = models.DateTimeField()
    clock_book_id = models.UUIDField(null=True, unique=True)
    shop_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    asker_id = models.UUIDField(null=True)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)
    revision = models.IntegerField(default=1)

    class Meta:
        db_table = "sandbox_test_clock"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["making", "ready", "advancing", "failed", "deleted"]), name="sandbox_test_clock_state"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["making", "deleted"]) | Q(clock_book_id__isnull=False, shop_id__isnull=False, key_id__isnull=False),
                name="sandbox_test_clock_made",
            ),
            models.CheckConstraint(
                condition=Q(state="deleted", deleted_at__isnull=False) | (~Q(state="deleted") & Q(deleted_at__isnull=True)),
                name="sandbox_test_clock_deleted_at",
            ),
            models.CheckConstraint(condition=Q(at__gte=F("frozen_at")), name="sandbox_test_clock_forward"),
        ]
        indexes = [
            models.Index(fields=["merchant_id", "id"], name="sandbox_test_clock_listed"),
            models.Index(fields=["state"], condition=~Q(state="deleted"), name="sandbox_test_clock_kept"),
        ]


class Advance(BookRow):
    """A way of a clock to a later time. `reached_at` is the last moment whose work has begun: a run that was killed goes on there."""

    merchant_id = models.UUIDField()
    clock_id = models.UUIDField()
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    state = models.TextField(default="running")
    reached_at = models.DateTimeField(null=True)
    days = models.IntegerField()
    days_done = models.IntegerField(default=0)
    failure_code = models.TextField(default="")
    failure_detail = models.TextField(default="")
    asked_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["running", "done", "failed"]), name="sandbox_advance_state"),
            models.CheckConstraint(condition=Q(to_at__gt=F("from_at"), days__gt=0), name="sandbox_advance_forward"),
            models.CheckConstraint(
                condition=Q(state="running", ended_at__isnull=True) | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="sandbox_advance_ended_at",
            ),
            models.CheckConstraint(
                condition=Q(state="failed") & ~Q(failure_code="") | (~Q(state="failed") & Q(failure_code="")),
                name="sandbox_advance_failed_why",
            ),
            models.UniqueConstraint(fields=["clock_id"], condition=Q(state="running"), name="sandbox_advance_one_at_a_time"),
        ]
        indexes = [models.Index(fields=["clock_id", "asked_at"], name="sandbox_advance_of_clock")]


class Person(models.Model):
    """A consumer of a test book whose e-mail address chose how they behave, for good."""

    consumer_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    merchant_id = models.UUIDField()
    email = models.TextField()
    behaviour = models.TextField()
    registered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant_id", "email"], name="sandbox_person_once")]
        indexes = [models.Index(fields=["book_id", "behaviour"], name="sandbox_person_behaving")]


class MatrixRun(BookRow):
    """A run of the matrix of amounts and terms, at the API or through a merchant's own integration."""

    merchant_id = models.UUIDField()
    through = models.TextField()
    state = models.TextField(default="running")
    cells = models.IntegerField()
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sandbox_matrix_run"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["running", "passed", "failed"], cells__gt=0), name="sandbox_matrix_run_state"),
            models.CheckConstraint(
                condition=Q(state="running", finished_at__isnull=True) | (~Q(state="running") & Q(finished_at__isnull=False)),
                name="sandbox_matrix_run_finished_at",
            ),
        ]


class MatrixCell(models.Model):
    """A combination of a run. `figures` is null while it waits; then what was answered, with the fault that was found, "" for none."""

    pk = models.CompositePrimaryKey("run_id", "no")
    run_id = models.UUIDField()
    no = models.IntegerField()
    book_id = models.UUIDField()
    merchant_id = models.UUIDField()
    product = models.TextField()
    periods = models.IntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    order_name = models.TextField(default="")
    fault = models.TextField(default="")
    figures = models.JSONField(null=True)

    class Meta:
        db_table = "sandbox_matrix_cell"
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0, no__gt=0, periods__gt=0), name="sandbox_matrix_cell_of_something")
        ]
