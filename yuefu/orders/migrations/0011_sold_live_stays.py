"""Who sold an order live, and which category its goods are of, stay what was agreed, as all of an order does."""

from django.db import migrations

KEPT = """
CREATE TRIGGER orders_order_sold_live_kept BEFORE UPDATE ON orders_order FOR EACH ROW
    WHEN ((NEW.host_id, NEW.category) IS DISTINCT FROM (OLD.host_id, OLD.category)) EXECUTE FUNCTION orders_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0010_sold_live")]

    operations = [migrations.RunSQL(KEPT, migrations.RunSQL.noop)]
