"""What a bank took back of a payment is recorded as such: all of it left the loan, and is owed again."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("loans", "0007_of_an_order")]

    operations = [
        migrations.RemoveConstraint("applied", "loans_applied_kind"),
        migrations.RemoveConstraint("applied", "loans_applied_parts_add_up"),
        migrations.AddConstraint(
            "applied",
            models.CheckConstraint(condition=Q(kind__in=["repaid", "refunded", "reversed", "charged_back"]), name="loans_applied_kind"),
        ),
        migrations.AddConstraint(
            "applied",
            models.CheckConstraint(
                condition=Q(kind="reversed")
                | Q(kind="charged_back", excess_minor=F("amount_minor"))
                | (
                    Q(kind__in=["repaid", "refunded"])
                    & Q(amount_minor=F("principal_minor") + F("interest_minor") + F("charges_minor") + F("excess_minor"))
                ),
                name="loans_applied_parts_add_up",
            ),
        ),
    ]
