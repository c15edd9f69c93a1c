"""Which lines a capture or a refund is of, and how goods were sent. Both are only added."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PIECES = """
-- Of a line no more pieces are captured, nor refunded, than there are: whoever writes them has locked the order.
CREATE FUNCTION orders_guard_pieces() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT l.order_id IS DISTINCT FROM NEW.order_id OR l.quantity < (SELECT sum(p.quantity) FROM orders_pieces AS p
            WHERE p.line_id = NEW.line_id AND (p.capture_id IS NULL) = (NEW.capture_id IS NULL)) FROM orders_line AS l WHERE l.id = NEW.line_id) THEN
        RAISE EXCEPTION 'pieces % are more than there are of their line, or of another order', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_pieces_there AFTER INSERT ON orders_pieces FOR EACH ROW EXECUTE FUNCTION orders_guard_pieces();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0016_qr_codes")]

    operations = [
        migrations.CreateModel(
            name="Pieces",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("line_id", models.UUIDField()),
                ("capture_id", models.UUIDField(null=True)),
                ("refund_id", models.UUIDField(null=True)),
                ("quantity", models.IntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("capture_id__isnull", False), ("refund_id__isnull", True)),
                            models.Q(("capture_id__isnull", True), ("refund_id__isnull", False)),
                            _connector="OR",
                        ),
                        name="orders_pieces_of_one",
                    ),
                    models.CheckConstraint(condition=models.Q(("quantity__gte", 1)), name="orders_pieces_some"),
                ],
                "indexes": [
                    models.Index(fields=["order_id"], name="orders_pieces_order"),
                    models.Index(fields=["line_id"], name="orders_pieces_line"),
                    models.Index(condition=models.Q(("capture_id__isnull", False)), fields=["capture_id"], name="orders_pieces_capture"),
                    models.Index(condition=models.Q(("refund_id__isnull", False)), fields=["refund_id"], name="orders_pieces_refund"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Shipment",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("capture_id", models.UUIDField()),
                ("carrier", models.TextField()),
                ("tracking_number", models.TextField()),
                ("shipped_at", models.DateTimeField(null=True)),
                ("recorded_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["capture_id"], name="orders_shipment_capture")]},
        ),
        composite_key("orders_line", ["book_id", "id", "merchant_id"]),
        composite_fk("orders_pieces", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("orders_pieces", ["book_id", "line_id", "merchant_id"], "orders_line", ["book_id", "id", "merchant_id"]),
        composite_fk("orders_pieces", ["capture_id", "order_id"], "orders_capture", ["id", "order_id"]),
        composite_fk("orders_shipment", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("orders_shipment", ["capture_id", "order_id"], "orders_capture", ["id", "order_id"]),
        secure("orders_pieces", writes="append", merchant="merchant_id"),
        secure("orders_shipment", writes="append", merchant="merchant_id"),
        migrations.RunSQL(PIECES, migrations.RunSQL.noop),
    ]
