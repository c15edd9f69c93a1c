"""Which agents may act for which merchants, since when and until when."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

FORWARD = """
REVOKE UPDATE ON merchants_acting FROM yuefu_writer;
GRANT UPDATE (ended_at, ended_by) ON merchants_acting TO yuefu_writer;

CREATE FUNCTION merchants_guard_acting() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND EXISTS (SELECT 1 FROM merchants_payee AS p WHERE p.id = NEW.agent_id AND p.kind = 'agent' AND p.state = 'active') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is no agent that could act, or what has ended goes on', NEW.agent_id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER merchants_acting_by_agents BEFORE INSERT ON merchants_acting FOR EACH ROW EXECUTE FUNCTION merchants_guard_acting();
CREATE TRIGGER merchants_acting_ends_once BEFORE UPDATE ON merchants_acting FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION merchants_guard_acting();
"""


class Migration(migrations.Migration):
    dependencies = [("merchants", "0010_stores")]

    operations = [
        migrations.CreateModel(
            name="Acting",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("agent_id", models.UUIDField()),
                ("granted_at", models.DateTimeField()),
                ("granted_by", models.TextField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.TextField(db_default="")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)), fields=("agent_id", "merchant_id"), name="merchants_acting_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("ended_by", "")),
                            models.Q(("ended_at__isnull", False), models.Q(("ended_by", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="merchants_acting_ended_by",
                    ),
                ],
            },
        ),
        composite_fk("merchants_acting", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("merchants_acting", ["book_id", "agent_id"], "merchants_payee", ["book_id", "id"]),
        secure("merchants_acting", writes="update", merchant="merchant_id"),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
