"""The epoch is asked by the logins that there are, and by nobody else."""

from django.db import migrations

ASKED = """
REVOKE ALL ON FUNCTION runtime_epoch() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runtime_epoch() TO yuefu_writer, yuefu_reader, yuefu_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("runtime", "0005_approvals_by_person")]

    operations = [migrations.RunSQL(ASKED, migrations.RunSQL.noop)]
