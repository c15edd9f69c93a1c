"""A settlement of a channel abroad is of several days: a file for each of them, of which one keeps the bytes. Breaks are told as events, and a refund that
never reached its provider is sent again.
"""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0005_levels"),
    ]

    operations = [
        migrations.AddField("break", "told", models.IntegerField(db_default=0)),
        migrations.RemoveConstraint("fix", "reconciliation_fix_kind"),
        migrations.AddConstraint(
            "fix",
            models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        ["post_fee", "post_repayment", "confirmed_by_money", "offset", "chase_provider", "write_off", "send_refund_again"],
                    )
                ),
                name="reconciliation_fix_kind",
            ),
        ),
        migrations.RemoveConstraint("breakevent", "reconciliation_breakevent_action"),
        migrations.AddConstraint(
            "breakevent",
            models.CheckConstraint(
                condition=models.Q(
                    (
                        "action__in",
                        [
                            *("assigned", "due", "noted", "evidence", "asked", "approved", "rejected", "dropped", "chased", "sent"),
                            *("fixed", "ended", "reopened", "came"),
                        ],
                    )
                ),
                name="reconciliation_breakevent_action",
            ),
        ),
        migrations.AddField("file", "whole_id", models.UUIDField(null=True)),
        migrations.AlterField("file", "content", models.BinaryField(null=True)),
        migrations.RemoveConstraint("file", "reconciliation_file_content_once"),
        migrations.AddConstraint(
            "file",
            models.UniqueConstraint(
                fields=("book_id", "source", "sha256"),
                condition=models.Q(("line_count__gt", 0), ("whole_id__isnull", True)),
                name="reconciliation_file_content_once",
            ),
        ),
        migrations.AddConstraint(
            "file",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("content__isnull", False), ("whole_id__isnull", True)),
                    models.Q(("content__isnull", True), ("whole_id__isnull", False)),
                    _connector="OR",
                ),
                name="reconciliation_file_bytes_once",
            ),
        ),
        migrations.AddConstraint(
            "file",
            models.UniqueConstraint(fields=("id", "book_id", "source", "sha256"), name="reconciliation_file_whole"),
        ),
        composite_fk(
            "reconciliation_file", ["whole_id", "book_id", "source", "sha256"], "reconciliation_file", ["id", "book_id", "source", "sha256"]
        ),
    ]
