"""Who works on a break is somebody who can log in."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial"), ("access", "0002_promises")]

    operations = [composite_fk("reconciliation_break", ["owner_id"], "access_user", ["id"])]
