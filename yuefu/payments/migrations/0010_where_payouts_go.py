"""A payout names the account it went to, which is a corporate one of its merchant; two people may order one by hand."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk

PROMISES = """
-- What left before says no account until a bank says something new of it: it went to the first. From here on nothing leaves without one.
ALTER TABLE payments_payout ADD CONSTRAINT payments_payout_says_where
    CHECK (account_id IS NOT NULL OR state = 'scheduled' OR (state = 'returned' AND paid_on IS NULL)) NOT VALID;
-- A personal account would have another kind, so that no payout can name it.
ALTER TABLE payments_payout ADD COLUMN account_kind text NOT NULL GENERATED ALWAYS AS ('corporate') STORED;
GRANT UPDATE (account_id) ON payments_payout TO yuefu_writer;
CREATE TRIGGER payments_payout_went_there BEFORE UPDATE ON payments_payout FOR EACH ROW
    WHEN (OLD.account_id IS NOT NULL AND NEW.account_id IS DISTINCT FROM OLD.account_id AND NEW.state <> 'scheduled') EXECUTE FUNCTION payments_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_ahead"), ("merchants", "0007_accounts")]

    operations = [
        migrations.AddField("payout", "account_id", models.UUIDField(null=True)),
        migrations.AddField("payout", "file_id", models.UUIDField(null=True)),
        migrations.AddField("payout", "by_hand", models.BooleanField(db_default=False, default=False)),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_fk(
            "payments_payout",
            ["account_id", "merchant_id", "book_id", "account_kind"],
            "merchants_account",
            ["id", "merchant_id", "book_id", "kind"],
        ),
    ]
