"""What a loan that has ended keeps of its consumer's money leaves it, and is recorded as such; such loans are an index away."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("loans", "0008_charged_back")]

    operations = [
        migrations.RemoveConstraint("applied", "loans_applied_kind"),
        migrations.RemoveConstraint("applied", "loans_applied_parts_add_up"),
        migrations.AddConstraint(
            "applied",
            models.CheckConstraint(
                condition=Q(kind__in=["repaid", "refunded", "reversed", "charged_back", "credit_refunded"]), name="loans_applied_kind"
            ),
        ),
        migrations.AddConstraint(
            "applied",
            models.CheckConstraint(
                condition=Q(kind="reversed")
                | Q(kind__in=["charged_back", "credit_refunded"], excess_minor=F("amount_minor"))
                | (
                    Q(kind__in=["repaid", "refunded"])
                    & Q(amount_minor=F("principal_minor") + F("interest_minor") + F("charges_minor") + F("excess_minor"))
                ),
                name="loans_applied_parts_add_up",
            ),
        ),
        migrations.AddIndex(
            "checkpoint",
            models.Index(fields=["book_id", "loan_id"], condition=Q(status="overpaid"), name="loans_checkpoint_overpaid"),
        ),
    ]
