"""What is looked up as a set goes into the keys, also where a table looks small: see ADR 0013."""

from django.db import migrations

from yuefu.runtime.tables import nothing_put_aside


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_one_index_of_the_day")]

    operations = [nothing_put_aside(["orders_capture_refers", "orders_order_refers", "orders_refund_refers"])]
