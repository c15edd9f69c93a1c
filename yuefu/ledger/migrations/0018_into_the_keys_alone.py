"""What is looked up as a set goes into the keys, also where a table looks small: see ADR 0013."""

from django.db import migrations

from yuefu.runtime.tables import nothing_put_aside


class Migration(migrations.Migration):
    dependencies = [("ledger", "0017_heads_with_their_lines")]

    operations = [
        nothing_put_aside(
            [
                "ledger_follow_lines",
                "ledger_guard_heads",
                "ledger_guard_lines",
                "ledger_guard_reversals",
                "ledger_guard_seals",
                "ledger_guard_transfers",
                "ledger_hold_refers",
            ]
        )
    ]
