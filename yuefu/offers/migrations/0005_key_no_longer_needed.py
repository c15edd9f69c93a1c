"""Orders check the quote they name as a set, by its id: the wide key that they pointed to can go."""

from django.db import migrations

# `orders` stands above and may not touch our tables: its next migration calls this, once nothing points to the key, and drops it.
FOR_ORDERS = """
CREATE FUNCTION offers_forget_wide_key() RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS
    'ALTER TABLE offers_quote DROP CONSTRAINT offers_quote_book_id_id_merchant_id_disclosure_id_shown_to_show';
REVOKE ALL ON FUNCTION offers_forget_wide_key() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("offers", "0004_quotes_say_to_whom")]

    operations = [migrations.RunSQL(FOR_ORDERS, migrations.RunSQL.noop)]
