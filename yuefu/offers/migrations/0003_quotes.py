"""A quote is a record: what was shown, when, to whom and in which language. See ADR 0006."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure


class Migration(migrations.Migration):
    dependencies = [
        ("offers", "0002_promises"),
        ("merchants", "0001_initial"),
        ("consumers", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Quote",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("disclosure_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("consumer_id", models.UUIDField(null=True)),
                ("language", models.TextField()),
                ("shown_at", models.DateTimeField()),
                ("shown_on", models.DateField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("language__in", ["zh", "en"])), name="offers_quote_language")],
            },
        ),
        composite_key("offers_disclosure", ["book_id", "id"]),
        composite_fk("offers_quote", ["book_id", "disclosure_id"], "offers_disclosure", ["book_id", "id"]),
        composite_fk("offers_quote", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("offers_quote", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        # An order points to all four, so that it names a quote of its own merchant and the very table that the quote showed.
        composite_key("offers_quote", ["book_id", "id", "merchant_id", "disclosure_id"]),
        secure("offers_quote", writes="append", merchant="merchant_id", consumer="consumer_id"),
    ]
