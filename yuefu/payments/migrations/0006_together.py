"""One payment over several loans: a whole that the channel knows, and parts that add up to it and share its fate."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk

PROMISES = """
GRANT UPDATE (released_on) ON payments_collection TO yuefu_writer;

-- What was released stays so, and what comes on its day or later never waited.
CREATE TRIGGER payments_collection_released BEFORE UPDATE ON payments_collection FOR EACH ROW
    WHEN (OLD.released_on IS NOT NULL AND NEW.released_on IS DISTINCT FROM OLD.released_on)
    EXECUTE FUNCTION payments_guard();

-- Parts have the reference, the consumer (by their key) and the fate of their whole, which is their sum. Looked at once a statement, and only
-- where it wrote some: whole and parts are begun by one statement and end by one.
CREATE FUNCTION payments_wholes_add_up() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE ids uuid[]; wrong uuid;
BEGIN
    SELECT array_agg(DISTINCT coalesce(part_of_id, id)) INTO ids FROM written WHERE part_of_id IS NOT NULL OR parts > 0;
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT w.id INTO wrong FROM payments_collection AS w LEFT JOIN payments_collection AS p ON p.part_of_id = w.id
        WHERE w.id = ANY (ids) GROUP BY w.id
        HAVING count(p.id) <> w.parts OR coalesce(sum(p.amount_minor), 0) <> w.amount_minor
            OR bool_or((p.reference, p.state, p.money_account_id, p.instrument, p.attempted_at)
                IS DISTINCT FROM (w.reference, w.state, w.money_account_id, w.instrument, w.attempted_at)
                OR (p.settled_on, p.posted_on, p.fee_minor) IS DISTINCT FROM (w.settled_on, w.posted_on, 0::bigint))
        LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the parts of payment % are not the whole', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_collection_begun_whole AFTER INSERT ON payments_collection
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_wholes_add_up();
CREATE TRIGGER payments_collection_ended_whole AFTER UPDATE ON payments_collection
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_wholes_add_up();

-- What a person accepted of a whole holds for its parts (0005 knows none). Its amount and fee are the whole's: the parts add up to it.
CREATE OR REPLACE FUNCTION payments_collection_late() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payments_contradiction x WHERE x.collection_id = coalesce(NEW.part_of_id, NEW.id) AND x.state = 'accepted'
        AND (NEW.part_of_id IS NOT NULL OR (x.said_minor, x.said_fee_minor) = (NEW.amount_minor, NEW.fee_minor))
        AND x.said_on = NEW.settled_on) THEN
        RAISE EXCEPTION '% % takes no such step', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'check_violation', HINT = 'it failed, and nobody accepted that it succeeded';
    END IF;
    RETURN NEW;
END $$;
"""

_WHOLE = ["book_id", "part_of_id", "consumer_id", "currency"]


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_mandates")]

    operations = [
        migrations.AddField("collection", "part_of_id", models.UUIDField(null=True)),
        migrations.AddField("collection", "parts", models.SmallIntegerField(db_default=0)),
        migrations.AddField("collection", "waits_for", models.DateField(null=True)),
        migrations.AddField("collection", "released_on", models.DateField(null=True)),
        migrations.RemoveConstraint("collection", "payments_collection_reference"),
        migrations.AddConstraint(
            "collection",
            models.UniqueConstraint(
                condition=models.Q(("part_of_id__isnull", True)), fields=("book_id", "reference"), name="payments_collection_reference"
            ),
        ),
        migrations.AddConstraint(
            "collection",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("part_of_id__isnull", True), ("waits_for__isnull", True)),
                    models.Q(("loan_id__isnull", False), ("order_id__isnull", False), ("part_of_id__isnull", False), ("parts", 0)),
                    _connector="OR",
                ),
                name="payments_collection_part_is_of_a_loan",
            ),
        ),
        migrations.AddConstraint(
            "collection",
            models.CheckConstraint(
                condition=models.Q(
                    ("parts", 0),
                    models.Q(("loan_id__isnull", True), ("order_id__isnull", True), ("parts__gt", 0), ("refunded_minor", 0)),
                    _connector="OR",
                ),
                name="payments_collection_whole_is_of_no_loan",
            ),
        ),
        migrations.AddConstraint(
            "collection",
            models.CheckConstraint(
                condition=models.Q(
                    ("released_on__isnull", True), models.Q(("state", "succeeded"), ("waits_for__isnull", False)), _connector="OR"
                ),
                name="payments_collection_released_if_it_came",
            ),
        ),
        migrations.AddConstraint(
            "collection",
            models.CheckConstraint(
                condition=models.Q(("refunded_minor", 0), ("waits_for__isnull", True), ("released_on__isnull", False), _connector="OR"),
                name="payments_collection_waiting_is_whole",
            ),
        ),
        migrations.AddIndex(
            "collection",
            models.Index(condition=models.Q(("part_of_id__isnull", False)), fields=["part_of_id"], name="payments_collection_parts"),
        ),
        migrations.AddIndex(
            "collection",
            models.Index(
                condition=models.Q(("released_on__isnull", True), ("state", "succeeded"), ("waits_for__isnull", False)),
                fields=["book_id", "waits_for"],
                name="payments_collection_waiting",
            ),
        ),
        composite_fk("payments_collection", _WHOLE, "payments_collection", ["book_id", "id", "consumer_id", "currency"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
