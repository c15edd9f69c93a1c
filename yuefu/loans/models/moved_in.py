"""Tables of loans that were moved here from another core: by which file, and by what name they were known there."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from yuefu.runtime.tables import BookRow, JsonTextField


class Import(BookRow):
    """A file of loans, sound as a whole: from which core, as of the end of which day, and what it says they are in all. Its chunks are booked one by one."""

    origin = models.TextField()
    sha256 = models.TextField()
    as_of = models.DateField()
    loans = models.IntegerField()
    totals = JsonTextField()
    begun_at = models.DateTimeField()
    begun_by = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "sha256"], name="loans_import_once"),
            models.CheckConstraint(condition=Q(loans__gt=0), name="loans_import_has_loans"),
        ]


class ImportChunk(models.Model):
    """So many loans of an import, booked by one transaction and these entries."""

    pk = models.CompositePrimaryKey("import_id", "no")
    import_id = models.UUIDField()
    no = models.IntegerField()
    book_id = models.UUIDField()
    loans = models.IntegerField()
    entry_ids = ArrayField(models.UUIDField())
    booked_at = models.DateTimeField()

    class Meta:
        db_table = "loans_import_chunk"


class MovedIn(models.Model):
    """A loan from another core, and its name there."""

    loan_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    import_id = models.UUIDField()
    origin = models.TextField()
    reference = models.TextField()
    line_no = models.IntegerField()

    class Meta:
        db_table = "loans_moved_in"
        constraints = [models.UniqueConstraint(fields=["book_id", "origin", "reference"], name="loans_moved_in_once")]
        indexes = [models.Index(fields=["import_id"], name="loans_moved_in_import")]
