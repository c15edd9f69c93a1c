"""Table bases, and the migration operations that make PostgreSQL keep the promises: grants, row-level security, composite keys.

A table is secured in the migration that creates it. A structure test walks the catalogue and fails for any table without
forced row-level security or with a grant that was not asked for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.db import models
from django.db.migrations.operations import RunSQL
from django.db.models import Func

from yuefu.runtime.jsontext import dumps

Writes = Literal["append", "update", "delete"]

_GRANTS = {"append": "SELECT, INSERT", "update": "SELECT, INSERT, UPDATE", "delete": "SELECT, INSERT, UPDATE, DELETE"}


if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
    _JSONField = models.JSONField[Any, Any]
else:
    _Field, _JSONField = models.Field, models.JSONField


class Xid8Field(_Field):
    """A PostgreSQL transaction id that never wraps: what orders rows by commit together with a snapshot's xmin."""

    def db_type(self, connection: Any) -> str:
        del connection
        return "xid8"


class JsonTextField(_JSONField):
    """JSON kept as the text it came as: for what is written on the hot path and only ever read whole. Taking it apart into jsonb costs
    as much as writing the row.
    """

    def db_type(self, connection: Any) -> str:
        del connection
        return "json"


class CurrentXid(Func):
    function = "pg_current_xact_id"
    template = "%(function)s()"


class BookRow(models.Model):
    """A row of one book."""

    id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()

    class Meta:
        abstract = True


class CommittedRow(models.Model):
    """A row read in commit order: (epoch, xid, id), and only where xid is below every transaction still running."""

    epoch = models.IntegerField(db_default=1)
    xid = Xid8Field(db_default=CurrentXid(), editable=False)

    class Meta:
        abstract = True


def secure(table: str, *, writes: Writes, merchant: str | None = None, consumer: str | None = None, book: str | None = "book_id") -> RunSQL:
    """Grants and row-level security of one table.

    The writer may do what `writes` says and no more. Staff see the rows of the book in `yuefu.book`. The reader sees rows
    whose `merchant` or `consumer` column equals `yuefu.merchant` / `yuefu.consumer`; without these arguments it has no right
    to the table at all. Row-level security is forced, so it also binds an owner without a policy.
    """
    parts = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
        f"GRANT {_GRANTS[writes]} ON {table} TO yuefu_writer",
        f"CREATE POLICY writer_all ON {table} TO yuefu_writer USING (true) WITH CHECK (true)",
    ]
    if book:
        parts += [
            f"GRANT SELECT ON {table} TO yuefu_staff",
            f"CREATE POLICY staff_book ON {table} FOR SELECT TO yuefu_staff"
            f" USING ({book} = nullif(current_setting('yuefu.book', true), '')::uuid)",
        ]
    scopes = [(merchant, "yuefu.merchant"), (consumer, "yuefu.consumer")]
    tests = [f"{column} = nullif(current_setting('{name}', true), '')::uuid" for column, name in scopes if column]
    if tests:
        parts += [
            f"GRANT SELECT ON {table} TO yuefu_reader",
            f"CREATE POLICY reader_scope ON {table} FOR SELECT TO yuefu_reader USING ({' OR '.join(tests)})",
        ]
    return RunSQL("; ".join(parts), RunSQL.noop)


def commit_ordered(table: str) -> RunSQL:
    """The writer may not choose the epoch or transaction id of a row: a forged one would be skipped by every reader in commit order."""
    return RunSQL(
        f"""
        DO $$
        DECLARE columns text;
        BEGIN
            SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
            WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('epoch', 'xid');
            REVOKE INSERT ON {table} FROM yuefu_writer;
            EXECUTE format('GRANT INSERT (%s) ON {table} TO yuefu_writer', columns);
        END $$
        """,
        RunSQL.noop,
    )


def composite_key(table: str, columns: Sequence[str]) -> RunSQL:
    """A unique constraint that a composite foreign key can point to."""
    name = f"{table}_{'_'.join(columns)}_ck"
    return RunSQL(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE ({', '.join(columns)})", RunSQL.noop)


def composite_fk(table: str, columns: Sequence[str], target: str, target_columns: Sequence[str]) -> RunSQL:
    """A foreign key over several columns, so that a row can never join another book or another merchant."""
    name = f"{table}_{'_'.join(columns)}_fk"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({', '.join(columns)}) REFERENCES {target} ({', '.join(target_columns)})",
        RunSQL.noop,
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """What rows name: `columns` of theirs are `target_columns` of one row of `target`. The first column finds that row, by its unique key."""

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]

    def to_sql(self, table: str) -> str:
        """A test of all rows in `written` at once. As with a foreign key, one with an empty column names nothing."""
        ours, theirs = self.columns, self.target_columns
        rest = " OR ".join([f"t.{b} IS DISTINCT FROM w.{a}" for a, b in zip(ours[1:], theirs[1:], strict=True)])
        given = " AND ".join([f"{column} IS NOT NULL" for column in ours])
        return f"""
    SELECT w.{ours[0]} INTO wrong FROM (SELECT DISTINCT {", ".join(ours)} FROM written WHERE {given}) AS w
        LEFT JOIN {self.target} AS t ON t.{theirs[0]} = w.{ours[0]} WHERE t.{theirs[0]} IS NULL{f" OR {rest}" if rest else ""} LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '{table} names a row of {self.target} that is not there, or not its own: %', wrong
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{table}_names_{self.target}';
    END IF;"""


def references_as_a_set(table: str, references: Sequence[Reference]) -> RunSQL:
    """What would be foreign keys of a hot table, checked once a statement for all its new rows (ADR 0013).

    For rows that are only added, or whose `columns` a trigger keeps; and for targets that are never deleted and whose `target_columns`
    never change (`fixed`). By nested loops into the keys, whatever the statistics say. The trigger's comment lists the references, for
    the tests of structure to read.
    """
    function, told = (
        f"{table}_refers",
        dumps([{"columns": r.columns, "target": r.target, "target_columns": r.target_columns} for r in references]),
    )
    tests = "".join([reference.to_sql(table) for reference in references])
    return RunSQL(
        f"""
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE wrong uuid;
BEGIN{tests}
    RETURN NULL;
END $$;
CREATE TRIGGER {function} AFTER INSERT ON {table} REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION {function}();
COMMENT ON TRIGGER {function} ON {table} IS '{told}';
""",
        RunSQL.noop,
    )


def nothing_put_aside(functions: Sequence[str]) -> RunSQL:
    """Trigger functions that look up as a set, kept from the one other plan that a nested loop leaves: reading what looks small once, and going
    through all that was read for each row. A month's partition that was analysed while it was small looks small for long (ADR 0013).
    """
    return RunSQL("\n".join([f"ALTER FUNCTION {function}() SET enable_material = off;" for function in functions]), RunSQL.noop)


def fixed(table: str, columns: Sequence[str]) -> RunSQL:
    """Columns that never change: others name the row by them."""
    old, new = (", ".join([f"{side}.{column}" for column in columns]) for side in ("OLD", "NEW"))
    return RunSQL(
        f"""
CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '{table} % stays what it is to those who name it', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER {table}_stays BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION {table}_stays();
""",
        RunSQL.noop,
    )
