"""What two people decide, and what was set aside, is of a book that exists."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk


class Migration(migrations.Migration):
    dependencies = [("runtime", "0003_runs_go_forward")]

    operations = [
        composite_fk("runtime_approval", ["book_id"], "runtime_book", ["id"]),
        composite_fk("runtime_quarantine", ["book_id"], "runtime_book", ["id"]),
    ]
