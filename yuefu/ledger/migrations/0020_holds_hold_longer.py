"""The hold of an order may hold longer than it was placed for, and never shorter."""

from django.db import migrations

LONGER = """
GRANT UPDATE (expires_at) ON ledger_hold TO yuefu_writer;
CREATE OR REPLACE TRIGGER ledger_hold_forward BEFORE UPDATE ON ledger_hold FOR EACH ROW
    WHEN (OLD.state <> 'pending' OR NEW.posted_minor < OLD.posted_minor OR NEW.released_minor < OLD.released_minor
        OR NEW.amount_minor <> OLD.amount_minor OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.side <> OLD.side
        OR NEW.id <> OLD.id OR NEW.order_id IS DISTINCT FROM OLD.order_id OR NEW.placed_at <> OLD.placed_at
        OR (NEW.expires_at IS DISTINCT FROM OLD.expires_at AND (OLD.order_id IS NULL OR NOT coalesce(NEW.expires_at > OLD.expires_at, false))))
    EXECUTE FUNCTION ledger_guard_hold();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0019_back_dated")]

    operations = [migrations.RunSQL(LONGER, migrations.RunSQL.noop)]
