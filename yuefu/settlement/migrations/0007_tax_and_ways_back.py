"""The tax in fees, and what became of the fee on which way back."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("settlement", "0006_what_is_not_paid")]

    operations = [
        migrations.RemoveConstraint(model_name="item", name="settlement_item_fee_on_refund"),
        migrations.AddField(model_name="item", name="vat_minor", field=models.BigIntegerField(db_default=0, default=0)),
        migrations.AddField(model_name="item", name="event", field=models.TextField(db_default="", default="")),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=Q(("fee_on_refund__in", ["kept", "returned", "whole", ""])), name="settlement_item_fee_on_refund"
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=Q(
                    Q(("vat_minor__gte", 0), ("vat_minor__lte", F("fee_minor"))),
                    Q(("vat_minor__gte", F("fee_minor")), ("vat_minor__lte", 0)),
                    _connector="OR",
                ),
                name="settlement_item_vat",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=Q(
                    ("event", ""),
                    Q(("event__in", ["refund", "reversal", "rejection", "charge_back"]), ("kind", "refund")),
                    _connector="OR",
                ),
                name="settlement_item_event",
            ),
        ),
    ]
