"""A decision can be named together with all that it is about, so that an order cannot borrow another's."""

from django.db import migrations

from yuefu.runtime.tables import composite_key


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_initial")]

    operations = [composite_key("risk_decision", ["id", "order_id", "book_id", "consumer_id", "merchant_id"])]
