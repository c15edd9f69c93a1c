"""Orders and decisions name a merchant by id and book: neither ever changes."""

from django.db import migrations

from yuefu.runtime.tables import fixed


class Migration(migrations.Migration):
    dependencies = [("merchants", "0002_promises")]

    operations = [fixed("merchants_merchant", ["id", "book_id"])]
