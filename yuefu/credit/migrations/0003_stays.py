"""Orders name a credit account with its consumer: it never becomes another's."""

from django.db import migrations

from yuefu.runtime.tables import fixed


class Migration(migrations.Migration):
    dependencies = [("credit", "0002_promises")]

    operations = [fixed("credit_account", ["id", "book_id", "consumer_id", "currency"])]
