"""What falls due is told once, by the close or by what is entered before it: the last due day that the close has told of a loan."""

from django.db import migrations, models

_FORWARD = """
DROP TRIGGER IF EXISTS loans_stretch_forward ON loans_stretch;
CREATE TRIGGER loans_stretch_forward BEFORE UPDATE ON loans_stretch FOR EACH ROW
    WHEN ((NEW.loan_id, NEW.book_id, NEW.portfolio_no) IS DISTINCT FROM (OLD.loan_id, OLD.book_id, OLD.portfolio_no)
        OR NEW.since < OLD.since OR NEW.told < OLD.told{more})
    EXECUTE FUNCTION loans_guard_stretch();
"""


class Migration(migrations.Migration):
    dependencies = [("loans", "0010_late_ones_are_found")]

    operations = [
        migrations.AddField("stretch", "due_told_on", models.DateField(null=True)),
        migrations.RunSQL(
            _FORWARD.format(
                more="\n        OR (OLD.due_told_on IS NOT NULL AND (NEW.due_told_on IS NULL OR NEW.due_told_on < OLD.due_told_on))"
            ),
            _FORWARD.format(more=""),
        ),
    ]
