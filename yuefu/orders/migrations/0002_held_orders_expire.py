"""What expires is what is still held, whatever the state: an order can be refunded in part and hold an amount as well."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="order", name="orders_order_expiring"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["expires_at"], condition=Q(authorised_minor__gt=F("captured_minor") + F("released_minor")), name="orders_order_held"
            ),
        ),
    ]
