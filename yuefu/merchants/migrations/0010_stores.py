"""Where merchants sell: stores, and the tills in them."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

CLOSED = """
REVOKE UPDATE ON merchants_store, merchants_terminal FROM yuefu_writer;
GRANT UPDATE (state, closed_at) ON merchants_store, merchants_terminal TO yuefu_writer;

CREATE FUNCTION merchants_guard_place() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% % was closed for good', TG_TABLE_NAME, OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER merchants_store_forward BEFORE UPDATE ON merchants_store FOR EACH ROW
    WHEN (OLD.state <> 'active') EXECUTE FUNCTION merchants_guard_place();
CREATE TRIGGER merchants_terminal_forward BEFORE UPDATE ON merchants_terminal FOR EACH ROW
    WHEN (OLD.state <> 'active') EXECUTE FUNCTION merchants_guard_place();
"""


def closed(table: str) -> list[models.CheckConstraint]:
    return [
        models.CheckConstraint(condition=models.Q(("state__in", ["active", "closed"])), name=f"{table}_state"),
        models.CheckConstraint(
            condition=models.Q(
                models.Q(("closed_at__isnull", True), ("state", "active")),
                models.Q(("closed_at__isnull", False), ("state", "closed")),
                _connector="OR",
            ),
            name=f"{table}_closed_at",
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("merchants", "0009_metadata")]

    operations = [
        migrations.CreateModel(
            name="Store",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("code", models.TextField()),
                ("name_zh", models.TextField()),
                ("name_en", models.TextField()),
                ("address", models.TextField()),
                ("state", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    *closed("merchants_store"),
                    models.UniqueConstraint(fields=("merchant_id", "code"), name="merchants_store_code"),
                ],
                "indexes": [models.Index(fields=["merchant_id", "-id"], name="merchants_store_of_merchant")],
            },
        ),
        migrations.CreateModel(
            name="Terminal",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("store_id", models.UUIDField()),
                ("code", models.TextField()),
                ("state", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    *closed("merchants_terminal"),
                    models.UniqueConstraint(fields=("store_id", "code"), name="merchants_terminal_code"),
                ],
                "indexes": [models.Index(fields=["merchant_id", "-id"], name="merchants_till_of_merchant")],
            },
        ),
        composite_key("merchants_store", ["book_id", "id", "merchant_id"]),
        composite_key("merchants_terminal", ["book_id", "id", "store_id"]),
        composite_fk("merchants_store", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("merchants_terminal", ["book_id", "store_id", "merchant_id"], "merchants_store", ["book_id", "id", "merchant_id"]),
        secure("merchants_store", writes="update", merchant="merchant_id"),
        secure("merchants_terminal", writes="update", merchant="merchant_id"),
        migrations.RunSQL(CLOSED, migrations.RunSQL.noop),
    ]
