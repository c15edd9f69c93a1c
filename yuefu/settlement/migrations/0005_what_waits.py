"""What is in no batch is kept apart: a pay day reads what it pays, however many items there ever were."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, fixed, nothing_put_aside, references_as_a_set, secure

PROMISES = """
INSERT INTO settlement_waiting (item_id, book_id, merchant_id, settles_on)
    SELECT i.id, i.book_id, i.merchant_id, i.settles_on FROM settlement_item i
    WHERE NOT EXISTS (SELECT FROM settlement_batch_line l WHERE l.item_id = i.id);

-- Rows come and go by the thousand every day: what is gone must not be read over and over.
ALTER TABLE settlement_waiting SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- An item waits from when it is written.
CREATE FUNCTION settlement_item_waits() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO settlement_waiting (item_id, book_id, merchant_id, settles_on)
        SELECT id, book_id, merchant_id, settles_on FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_item_waits AFTER INSERT ON settlement_item
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement_item_waits();

-- What goes into a batch has waited, and waits no more; the batch adds up as soon as it has its lines.
CREATE OR REPLACE FUNCTION settlement_line_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE gone bigint;
BEGIN
    DELETE FROM settlement_waiting w USING added a WHERE w.item_id = a.item_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone <> (SELECT count(*) FROM added) THEN
        RAISE EXCEPTION 'an item that does not wait cannot go into a batch'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batch_line_waited';
    END IF;
    PERFORM settlement_require_adding_up(batch_id) FROM (SELECT DISTINCT batch_id FROM added) AS a;
    RETURN NULL;
END $$;

-- So what is left to see of a batch is that it has lines.
CREATE OR REPLACE FUNCTION settlement_batch_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM settlement_batch_line WHERE batch_id = NEW.id) THEN
        RAISE EXCEPTION 'batch % has no lines', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batch_adds_up';
    END IF;
    RETURN NULL;
END $$;

-- Checked as a set from now on (ADR 0013).
ALTER TABLE settlement_batch_line DROP CONSTRAINT settlement_batch_line_item_id_book_id_merchant_id_fk;
ALTER TABLE settlement_batch_line DROP CONSTRAINT settlement_batch_line_batch_id_book_id_merchant_id_fk;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0004_of_either_loan")]

    operations = [
        migrations.CreateModel(
            name="Waiting",
            fields=[
                ("item_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("settles_on", models.DateField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["book_id", "merchant_id", "settles_on"], include=["item_id"], name="settlement_waiting_due")
                ],
            },
        ),
        secure("settlement_waiting", writes="delete", merchant="merchant_id"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        nothing_put_aside(["settlement_line_check"]),
        references_as_a_set(
            "settlement_waiting", [Reference(("item_id", "book_id", "merchant_id"), "settlement_item", ("id", "book_id", "merchant_id"))]
        ),
        references_as_a_set(
            "settlement_batch_line",
            [
                Reference(("item_id", "book_id", "merchant_id"), "settlement_item", ("id", "book_id", "merchant_id")),
                Reference(("batch_id", "book_id", "merchant_id"), "settlement_batch", ("id", "book_id", "merchant_id")),
            ],
        ),
        fixed("settlement_item", ["id", "book_id", "merchant_id"]),
        fixed("settlement_batch", ["id", "book_id", "merchant_id"]),
    ]
