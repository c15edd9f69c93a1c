"""Credit closed because a loan was given up is open again when that is undone: a closure says by which fact it is, and of which state of the account.
Those from before do not know, and stay until a person opens the account."""

from django.db import migrations, models
from django.db.models import F, Q

_ONCE = models.UniqueConstraint(fields=["loan_id", "reason", "latest_on", "fact_no"], name="collecting_closure_once", nulls_distinct=False)
_FOR_A_REASON = models.CheckConstraint(
    condition=Q(
        reason="instalments_missed_in_a_row", missed__isnull=False, missed__gte=1, latest_on__lt=F("recorded_on"), fact_no__isnull=True
    )
    | Q(reason__in=["loan_charged_off", "loan_written_off"], missed__isnull=True, latest_on__lte=F("recorded_on")),
    name="collecting_closure_for_a_reason",
)


class Migration(migrations.Migration):
    dependencies = [("collecting", "0002_write_offs_undone"), ("credit", "0005_since_when")]

    operations = [
        migrations.AddField("closure", "fact_no", models.IntegerField(null=True)),
        migrations.AddField("closure", "state_revision", models.IntegerField(null=True)),
        migrations.RemoveConstraint("closure", "collecting_closure_once"),
        migrations.AddConstraint("closure", _ONCE),
        migrations.RemoveConstraint("closure", "collecting_closure_for_a_reason"),
        migrations.AddConstraint("closure", _FOR_A_REASON),
    ]
