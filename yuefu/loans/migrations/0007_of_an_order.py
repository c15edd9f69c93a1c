"""Loans of rule version 2026-2 of orders: the capture each is for, what was accepted, and what became of the money that came for them."""

import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models import F, Q

from yuefu.runtime.tables import Reference, composite_fk, composite_key, references_as_a_set, secure

PROMISES = """
GRANT SELECT ON loans_applied TO yuefu_reader;
CREATE POLICY reader_consumer ON loans_applied FOR SELECT TO yuefu_reader USING (EXISTS (SELECT 1 FROM loans_agreement a
    WHERE a.id = loan_id AND a.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));
"""


class Migration(migrations.Migration):
    dependencies = [("loans", "0006_stretches"), ("orders", "0006_named_as_a_set"), ("offers", "0003_quotes")]

    operations = [
        *(
            migrations.AddField("agreement", name, field)
            for name, field in {
                "capture_id": models.UUIDField(null=True),
                "disclosure_id": models.UUIDField(null=True),
                "disclosure_hash": models.BinaryField(null=True),
                "disclosure_version": models.TextField(null=True),
                "shown_at": models.DateTimeField(null=True),
                "accepted_at": models.DateTimeField(null=True),
            }.items()
        ),
        migrations.AddConstraint(
            "agreement",
            models.CheckConstraint(
                condition=Q(("capture_id__isnull", True), ("order_id__isnull", False), _connector="OR"), name="loans_agreement_capture"
            ),
        ),
        migrations.AddConstraint(
            "agreement",
            models.CheckConstraint(
                condition=Q(
                    disclosure_id__isnull=True, disclosure_hash__isnull=True, disclosure_version__isnull=True, accepted_at__isnull=True
                )
                | Q(
                    disclosure_id__isnull=False, disclosure_hash__isnull=False, disclosure_version__isnull=False, accepted_at__isnull=False
                ),
                name="loans_agreement_accepted",
            ),
        ),
        migrations.AddConstraint(
            "agreement",
            models.CheckConstraint(
                condition=Q(shown_at__isnull=True) | Q(shown_at__lte=F("accepted_at")), name="loans_agreement_shown_before_accepted"
            ),
        ),
        migrations.AddConstraint("agreement", models.UniqueConstraint(fields=["capture_id"], name="loans_agreement_of_a_capture")),
        migrations.CreateModel(
            name="Applied",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("kind", models.TextField()),
                ("effective_on", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
                ("principal_minor", models.BigIntegerField()),
                ("interest_minor", models.BigIntegerField()),
                ("charges_minor", models.BigIntegerField()),
                ("excess_minor", models.BigIntegerField()),
                ("reverses", models.UUIDField(null=True)),
                ("recorded_at", models.DateTimeField()),
                ("recorded_on", models.DateField()),
            ],
            options={
                "indexes": [django.contrib.postgres.indexes.BrinIndex(fields=["recorded_on"], name="loans_applied_recorded_on")],
                "constraints": [
                    models.CheckConstraint(condition=Q(kind__in=["repaid", "refunded", "reversed"]), name="loans_applied_kind"),
                    models.CheckConstraint(
                        condition=Q(kind="reversed", reverses__isnull=False) | (~Q(kind="reversed") & Q(reverses__isnull=True)),
                        name="loans_applied_names_what_it_reverses",
                    ),
                    models.CheckConstraint(condition=Q(amount_minor__gt=0, excess_minor__gte=0), name="loans_applied_amount"),
                    models.CheckConstraint(
                        condition=Q(kind="reversed")
                        | Q(amount_minor=F("principal_minor") + F("interest_minor") + F("charges_minor") + F("excess_minor")),
                        name="loans_applied_parts_add_up",
                    ),
                    models.UniqueConstraint(fields=["reverses"], condition=Q(reverses__isnull=False), name="loans_applied_reversed_once"),
                    models.UniqueConstraint(fields=["loan_id", "no"], name="loans_applied_no"),
                ],
            },
        ),
        composite_key("loans_agreement", ["id", "capture_id", "order_id", "merchant_id", "book_id"]),
        composite_fk("loans_agreement", ["capture_id", "order_id"], "orders_capture", ["id", "order_id"]),
        composite_fk("loans_agreement", ["book_id", "disclosure_id"], "offers_disclosure", ["book_id", "id"]),
        references_as_a_set("loans_applied", [Reference(("loan_id", "book_id"), "loans_agreement", ("id", "book_id"))]),
        secure("loans_applied", writes="append"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
