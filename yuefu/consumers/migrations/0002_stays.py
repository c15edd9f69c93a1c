"""Orders and decisions name a consumer by id and book: neither ever changes."""

from django.db import migrations

from yuefu.runtime.tables import fixed


class Migration(migrations.Migration):
    dependencies = [("consumers", "0001_initial")]

    operations = [fixed("consumers_consumer", ["id", "book_id"])]
