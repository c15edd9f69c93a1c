"""Four eyes are two persons, whatever name each of them goes by: an approval keeps who asked and who decided as users.

A label alone can be changed: the same person asks with an API key and decides at the keyboard. A request made by the platform
itself has no person; a decision always has one. Requests that were made before keep what was known of them: `access` stands
above and knows which user a label was, so its next migration fills the persons in through `runtime_name_persons` and drops it.
What was decided by somebody who never was a user stays as it is: the new check binds every row written from now on, and is
validated where no old row stands against it.
"""

import django.db.models.expressions
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

SQL = """
CREATE OR REPLACE FUNCTION runtime_guard_approval() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' THEN
            RAISE EXCEPTION 'an approval begins as a request' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.requested_by_user IS NULL AND NEW.requested_by NOT LIKE 'system:%' THEN
            RAISE EXCEPTION 'a request says which person makes it' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state <> 'waiting' OR (NEW.id, NEW.book_id, NEW.action, NEW.object_kind, NEW.object_id, NEW.content, NEW.reason, NEW.requested_by,
        NEW.requested_by_user, NEW.requested_at) IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.action, OLD.object_kind, OLD.object_id, OLD.content,
        OLD.reason, OLD.requested_by, OLD.requested_by_user, OLD.requested_at) THEN
        RAISE EXCEPTION 'a request for approval is decided once and never rewritten' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION runtime_name_persons(labels text[], persons uuid[]) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    ALTER TABLE runtime_approval DISABLE TRIGGER runtime_approval_once;
    UPDATE runtime_approval AS a SET requested_by_user = p.person FROM unnest(labels, persons) AS p (label, person)
        WHERE a.requested_by = p.label AND a.decided_by IS NULL;
    UPDATE runtime_approval AS a SET requested_by_user = r.person, decided_by_user = d.person
        FROM unnest(labels, persons) AS d (label, person), unnest(labels, persons) AS r (label, person)
        WHERE a.decided_by = d.label AND a.requested_by = r.label;
    UPDATE runtime_approval AS a SET decided_by_user = d.person FROM unnest(labels, persons) AS d (label, person)
        WHERE a.decided_by = d.label AND a.decided_by_user IS NULL;
    ALTER TABLE runtime_approval ENABLE TRIGGER runtime_approval_once;
    BEGIN
        ALTER TABLE runtime_approval VALIDATE CONSTRAINT runtime_approval_two_persons;
    EXCEPTION WHEN check_violation THEN
        RAISE NOTICE 'approvals decided before by somebody who is no user stay as they are';
    END;
END $$;
REVOKE ALL ON FUNCTION runtime_name_persons(text[], uuid[]) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("runtime", "0004_promises")]

    operations = [
        migrations.AddField("approval", "requested_by_user", models.UUIDField(null=True)),
        migrations.AddField("approval", "decided_by_user", models.UUIDField(null=True)),
        AddConstraintNotValid(
            "approval",
            models.CheckConstraint(
                condition=models.Q(("decided_by_user__isnull", True), ("state", "waiting"))
                | (
                    ~models.Q(("state", "waiting"))
                    & models.Q(("decided_by_user__isnull", False))
                    & ~models.Q(("decided_by__startswith", "system:"))
                    & (
                        models.Q(("requested_by_user__isnull", True))
                        | ~models.Q(("decided_by_user", django.db.models.expressions.F("requested_by_user")))
                    )
                ),
                name="runtime_approval_two_persons",
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
