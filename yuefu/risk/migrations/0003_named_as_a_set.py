"""Whose decision it is, checked once a statement: two keys a row were a quarter of the time it took to write one."""

from django.db import migrations

from yuefu.runtime.tables import Reference, references_as_a_set

# `orders` stands above and may not touch our tables: its next migration calls this, once nothing points to the key, and drops it.
NO_LONGER = """
ALTER TABLE risk_decision DROP CONSTRAINT risk_decision_book_id_consumer_id_fk, DROP CONSTRAINT risk_decision_book_id_merchant_id_fk;
CREATE FUNCTION risk_forget_wide_key() RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS
    'ALTER TABLE risk_decision DROP CONSTRAINT risk_decision_id_order_id_book_id_consumer_id_merchant_id_ck';
REVOKE ALL ON FUNCTION risk_forget_wide_key() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("risk", "0002_promises"), ("consumers", "0002_stays"), ("merchants", "0003_stays")]

    operations = [
        migrations.RunSQL(NO_LONGER, migrations.RunSQL.noop),
        references_as_a_set(
            "risk_decision",
            [
                Reference(("consumer_id", "book_id"), "consumers_consumer", ("id", "book_id")),
                Reference(("merchant_id", "book_id"), "merchants_merchant", ("id", "book_id")),
            ],
        ),
    ]
