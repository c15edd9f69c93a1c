"""A write-off that was entered by mistake is undone by a measure: of that kind too there are some now."""

from django.db import migrations, models
from django.db.models import Q

_KINDS = ["arrears_paused", "charged_off", "interest_paused", "reaged", "reamortised", "rescheduled", "undone", "waived", "written_off"]


class Migration(migrations.Migration):
    dependencies = [("collecting", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("measure", "collecting_measure_kind"),
        migrations.AddConstraint("measure", models.CheckConstraint(condition=Q(kind__in=_KINDS), name="collecting_measure_kind")),
    ]
