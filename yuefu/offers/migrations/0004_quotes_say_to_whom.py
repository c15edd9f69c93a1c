"""A quote says to whom it was shown in a column that is never empty, so that an order can point to it: a key does not see an empty one."""

import uuid

import django.db.models.functions.comparison
from django.db import migrations, models

from yuefu.runtime.tables import composite_key

# `orders` stands above and may not touch our tables: its next migration asks these, and drops them.
FOR_ORDERS = """
CREATE FUNCTION offers_shown_to(quote uuid) RETURNS uuid LANGUAGE sql STABLE SET search_path = public, pg_temp AS
    'SELECT shown_to FROM offers_quote WHERE id = quote';
CREATE FUNCTION offers_forget_narrow_key() RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS
    'ALTER TABLE offers_quote DROP CONSTRAINT offers_quote_book_id_id_merchant_id_disclosure_id_ck';
REVOKE ALL ON FUNCTION offers_shown_to(uuid), offers_forget_narrow_key() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("offers", "0003_quotes")]

    operations = [
        migrations.AddField(
            "Quote",
            "shown_to",
            models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.comparison.Coalesce("consumer_id", models.Value(uuid.UUID(int=0))),
                output_field=models.UUIDField(),
            ),
        ),
        # An order points to all six: to a quote of its merchant, with the very table that was shown, to its consumer or nobody, on its day.
        composite_key("offers_quote", ["book_id", "id", "merchant_id", "disclosure_id", "shown_to", "shown_on"]),
        migrations.RunSQL(FOR_ORDERS, migrations.RunSQL.noop),
    ]
