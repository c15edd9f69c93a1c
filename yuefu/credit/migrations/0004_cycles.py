"""Bill day and repayment day have a history, and each account knows the oldest cycle that has not got its bill.

An account that exists goes on with the days it has: its history begins on the day on which it was opened, and the cycle that runs gets its bill
on the next bill day. For the cycles before there never was one.
"""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

FILLED = """
UPDATE credit_account AS a SET next_bill_on = n.bill_on, cycle_from = greatest(o.opened_on, (n.bill_on - interval '1 month')::date)
FROM credit_account AS c
CROSS JOIN LATERAL (SELECT (c.opened_at AT TIME ZONE b.zone)::date AS opened_on FROM runtime_book AS b WHERE b.id = c.book_id) AS o
CROSS JOIN LATERAL (SELECT greatest(o.opened_on, (SELECT max(d.on_date) FROM runtime_business_day AS d WHERE d.book_id = c.book_id)) AS today) AS t
CROSS JOIN LATERAL (SELECT (date_trunc('month', t.today) + interval '1 day' * (c.bill_day - 1))::date AS bill_on) AS m
CROSS JOIN LATERAL (SELECT CASE WHEN m.bill_on > t.today THEN m.bill_on ELSE (m.bill_on + interval '1 month')::date END AS bill_on) AS n
WHERE a.id = c.id;
INSERT INTO credit_days_change (id, book_id, account_id, consumer_id, seq, bill_day, repayment_day, from_on, reasons, recorded_by, recorded_at,
    recorded_on)
SELECT gen_random_uuid(), a.book_id, a.id, a.consumer_id, 1, a.bill_day, a.repayment_day, (a.opened_at AT TIME ZONE b.zone)::date,
    '["account_opened"]', 'system:migration', a.opened_at, (a.opened_at AT TIME ZONE b.zone)::date
FROM credit_account AS a JOIN runtime_book AS b ON b.id = a.book_id;
"""


class Migration(migrations.Migration):
    dependencies = [("credit", "0003_stays")]

    operations = [
        migrations.CreateModel(
            name="DaysChange",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("seq", models.IntegerField()),
                ("old_bill_day", models.SmallIntegerField(null=True)),
                ("old_repayment_day", models.SmallIntegerField(null=True)),
                ("bill_day", models.SmallIntegerField()),
                ("repayment_day", models.SmallIntegerField()),
                ("from_on", models.DateField()),
                ("reasons", models.JSONField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
                ("recorded_on", models.DateField()),
            ],
            options={
                "db_table": "credit_days_change",
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "seq"), name="credit_days_change_seq"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bill_day__gte", 1), ("bill_day__lte", 28), ("repayment_day__gte", 1), ("repayment_day__lte", 28)
                        ),
                        name="credit_days_change_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("from_on", models.F("recorded_on")),
                                ("old_bill_day__isnull", True),
                                ("old_repayment_day__isnull", True),
                                ("seq", 1),
                            ),
                            models.Q(
                                ("from_on__gt", models.F("recorded_on")),
                                ("old_bill_day__isnull", False),
                                ("old_repayment_day__isnull", False),
                                ("seq__gt", 1),
                                models.Q(
                                    ("old_bill_day", models.F("bill_day")),
                                    ("old_repayment_day", models.F("repayment_day")),
                                    _negated=True,
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="credit_days_change_changes",
                    ),
                    models.CheckConstraint(condition=models.Q(("reasons", []), _negated=True), name="credit_days_change_has_reasons"),
                ],
            },
        ),
        composite_fk("credit_days_change", ["book_id", "account_id", "consumer_id"], "credit_account", ["book_id", "id", "consumer_id"]),
        secure("credit_days_change", writes="append", consumer="consumer_id"),
        migrations.AddField(model_name="account", name="cycle_from", field=models.DateField(null=True)),
        migrations.AddField(model_name="account", name="next_bill_on", field=models.DateField(null=True)),
        migrations.RunSQL(FILLED, migrations.RunSQL.noop),
        migrations.AlterField(model_name="account", name="cycle_from", field=models.DateField()),
        migrations.AlterField(model_name="account", name="next_bill_on", field=models.DateField()),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(("next_bill_on__gt", models.F("cycle_from"))), name="credit_account_cycle"
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("state", "closed"), _negated=True), fields=["book_id", "next_bill_on"], name="credit_account_next_bill"
            ),
        ),
    ]
