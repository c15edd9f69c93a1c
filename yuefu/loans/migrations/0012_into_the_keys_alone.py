"""What is looked up as a set goes into the keys, also where a table looks small: see ADR 0013."""

from django.db import migrations

from yuefu.runtime.tables import nothing_put_aside


class Migration(migrations.Migration):
    dependencies = [("loans", "0011_told_as_due")]

    operations = [
        nothing_put_aside(
            [
                "loans_agreement_refers",
                "loans_applied_refers",
                "loans_due_refers",
                "loans_fact_refers",
                "loans_guard_instalments",
                "loans_loan_refers",
            ]
        )
    ]
