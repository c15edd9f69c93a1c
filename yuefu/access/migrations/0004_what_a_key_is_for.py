"""Keys are pinned to a version of the API, may be for some networks only, and have kinds: secret, restricted, publishable.

Keys that are there keep the form that they have been answered in.
"""

from django.db import migrations, models

READERS = """
GRANT SELECT (id, book_id, merchant_id, scopes, prefix, last_four, replaces_id, created_by_user_id, created_at, expires_at, revoked_at,
    last_used_at, api_version, networks) ON access_api_key TO yuefu_reader;
CREATE POLICY reader_scope ON access_api_key FOR SELECT TO yuefu_reader
    USING (merchant_id = nullif(current_setting('yuefu.merchant', true), '')::uuid);
"""
"""A merchant sees its keys, and no hash of a secret."""


class Migration(migrations.Migration):
    dependencies = [("access", "0003_keys_act_for_people")]

    operations = [
        migrations.AddField("apikey", "api_version", models.TextField(db_default="2026-09-01")),
        migrations.AddField("apikey", "networks", models.JSONField(db_default=models.Value([], models.JSONField()))),
        migrations.RemoveConstraint("apikey", "access_api_key_prefix"),
        migrations.AddConstraint(
            "apikey",
            models.CheckConstraint(
                condition=models.Q(("prefix__in", ["sk_test_", "sk_live_", "rk_test_", "rk_live_", "pk_test_", "pk_live_"])),
                name="access_api_key_prefix",
            ),
        ),
        migrations.RunSQL(READERS, migrations.RunSQL.noop),
    ]
