"""A line names an instalment of a loan of either rule version. One of 2026-2 is numbered by its day: there, rows come and go."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, references_as_a_set

_LENT = ("book_id", "account_id", "consumer_id")
_TARGET = ("id", "book_id", "credit_account_id", "consumer_id")

NO_LONGER = """
ALTER TABLE billing_line DROP CONSTRAINT billing_line_loan_id_no_fk;
DROP TRIGGER billing_line_refers ON billing_line;
DROP FUNCTION billing_line_refers();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("loans", "0007_of_an_order")]

    operations = [
        migrations.RunSQL(NO_LONGER, migrations.RunSQL.noop),
        migrations.AddField("line", "lived", models.BooleanField(db_default=False)),
        *(
            migrations.AddField(
                "line",
                name,
                models.GeneratedField(
                    db_persist=True,
                    expression=models.Case(models.When(lived=lived, then="loan_id")),
                    null=True,
                    output_field=models.UUIDField(null=True),
                ),
            )
            for name, lived in (("levelled_id", False), ("agreement_id", True))
        ),
        composite_fk("billing_line", ["levelled_id", "no"], "loans_instalment", ["loan_id", "no"]),
        references_as_a_set(
            "billing_line",
            [
                Reference(("levelled_id", *_LENT), "loans_loan", _TARGET),
                Reference(("agreement_id", *_LENT), "loans_agreement", _TARGET),
            ],
        ),
    ]
