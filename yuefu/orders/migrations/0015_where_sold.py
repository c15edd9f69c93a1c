"""In which store, and at which till of it, an order was sold; a session may be of one too, and then need not lead back to any page."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk

KEPT = """
CREATE TRIGGER orders_order_where_kept BEFORE UPDATE ON orders_order FOR EACH ROW
    WHEN ((NEW.store_id, NEW.terminal_id) IS DISTINCT FROM (OLD.store_id, OLD.terminal_id)) EXECUTE FUNCTION orders_guard();
CREATE TRIGGER orders_checkout_session_where_kept BEFORE UPDATE ON orders_checkout_session FOR EACH ROW
    WHEN ((NEW.store_id, NEW.terminal_id) IS DISTINCT FROM (OLD.store_id, OLD.terminal_id)) EXECUTE FUNCTION orders_guard_session();
"""


def where(table: str) -> list[object]:
    return [
        composite_fk(table, ["book_id", "store_id", "merchant_id"], "merchants_store", ["book_id", "id", "merchant_id"]),
        composite_fk(table, ["book_id", "terminal_id", "store_id"], "merchants_terminal", ["book_id", "id", "store_id"]),
    ]


class Migration(migrations.Migration):
    dependencies = [("orders", "0014_checkout_sessions"), ("merchants", "0010_stores")]

    operations = [
        migrations.AddField("order", "store_id", models.UUIDField(null=True)),
        migrations.AddField("order", "terminal_id", models.UUIDField(null=True)),
        migrations.AddField("checkoutsession", "store_id", models.UUIDField(null=True)),
        migrations.AddField("checkoutsession", "terminal_id", models.UUIDField(null=True)),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=models.Q(("terminal_id__isnull", True), ("store_id__isnull", False), _connector="OR"),
                name="orders_order_till_in_store",
            ),
        ),
        migrations.AddConstraint(
            "checkoutsession",
            models.CheckConstraint(
                condition=models.Q(("terminal_id__isnull", True), ("store_id__isnull", False), _connector="OR"),
                name="orders_checkout_session_till_in_store",
            ),
        ),
        migrations.AddIndex(
            "checkoutsession",
            models.Index(
                condition=models.Q(("state", "open"), ("store_id__isnull", False)),
                fields=["store_id", "-id"],
                name="orders_checkout_at_store",
            ),
        ),
        *where("orders_order"),
        *where("orders_checkout_session"),
        migrations.RunSQL(KEPT, migrations.RunSQL.noop),
    ]
