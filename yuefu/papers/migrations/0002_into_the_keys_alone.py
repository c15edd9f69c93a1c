"""What is looked up as a set goes into the keys, also where a table looks small: see ADR 0013."""

from django.db import migrations

from yuefu.runtime.tables import nothing_put_aside


class Migration(migrations.Migration):
    dependencies = [("papers", "0001_initial")]

    operations = [nothing_put_aside(["papers_certificate_refers", "papers_payoff_line_refers"])]
