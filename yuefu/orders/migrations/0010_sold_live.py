"""Who sold an order live, and which category its goods are of."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk


class Migration(migrations.Migration):
    dependencies = [("orders", "0009_into_the_keys_alone"), ("merchants", "0006_payees")]

    operations = [
        migrations.AddField(model_name="order", name="host_id", field=models.UUIDField(null=True)),
        migrations.AddField(model_name="order", name="category", field=models.TextField(db_default="", default="")),
        composite_fk("orders_order", ["book_id", "host_id"], "merchants_payee", ["book_id", "id"]),
    ]
