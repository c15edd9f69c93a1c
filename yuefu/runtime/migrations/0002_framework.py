"""Rights on the tables that libraries bring: sessions and the job queue."""

from django.db import migrations

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON django_session TO yuefu_writer;
GRANT SELECT ON django_migrations, django_content_type TO yuefu_writer;
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT c.oid::regclass::text FROM pg_class c WHERE c.relname LIKE 'procrastinate%' AND c.relkind IN ('r', 'p')
        AND c.relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO yuefu_writer', name);
    END LOOP;
    FOR name IN SELECT c.oid::regclass::text FROM pg_class c WHERE c.relname LIKE 'procrastinate%' AND c.relkind = 'S'
        AND c.relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO yuefu_writer', name);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0001_initial"),
        ("sessions", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]
    operations = [migrations.RunSQL(GRANTS, migrations.RunSQL.noop)]
