"""A capture may wait for evidence that what it was for was delivered."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

PROMISES = """
-- No money goes into a batch before its day unless there is evidence. Few items wait for any: the index of those few is the way in.
CREATE FUNCTION settlement_line_has_evidence() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM settlement_item i JOIN added a ON a.item_id = i.id JOIN settlement_batch b ON b.id = a.batch_id
        WHERE i.due_on IS NOT NULL AND b.pay_on < i.settles_on AND NOT EXISTS (SELECT FROM settlement_evidence e WHERE e.item_id = i.id)) THEN
        RAISE EXCEPTION 'a capture without evidence of delivery waits for its day'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batch_line_evidence';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_batch_line_evidence AFTER INSERT ON settlement_batch_line
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement_line_has_evidence();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0009_freezes"), ("merchants", "0007_accounts")]

    operations = [
        migrations.CreateModel(
            name="Evidence",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("item_id", models.UUIDField(unique=True)),
                ("merchant_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("reference", models.TextField()),
                ("proven_on", models.DateField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["delivered", "activated", "redeemed"])), name="settlement_evidence_kind"
                    ),
                    models.CheckConstraint(condition=models.Q(("reference", ""), _negated=True), name="settlement_evidence_reference"),
                ],
            },
        ),
        migrations.AddField("item", "due_on", models.DateField(null=True)),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("due_on__isnull", True),
                    models.Q(("due_on__lt", models.F("settles_on")), ("kind__in", ["capture", "refund"])),
                    _connector="OR",
                ),
                name="settlement_item_evidence",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(condition=models.Q(("due_on__isnull", False)), fields=["id"], name="settlement_item_unproven"),
        ),
        secure("settlement_evidence", writes="append", merchant="merchant_id"),
        composite_fk("settlement_evidence", ["item_id", "book_id", "merchant_id"], "settlement_item", ["id", "book_id", "merchant_id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
