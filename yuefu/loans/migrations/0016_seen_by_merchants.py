"""What a merchant sees of the loans of its orders: which order and capture, whether anything is still to be paid, and the terms by which instalments
were planned. Not whether its customers pay on time: neither the login of merchants nor a fault above it can read that."""

from django.db import migrations

VIEWS = """
CREATE VIEW loans_seen_by_merchant WITH (security_barrier) AS
    SELECT id, merchant_id, order_id, capture_id, product, currency, principal_minor, disbursed_on, booked_at, state = 'closed' AS closed,
        rule_version, periods, annual_rate_ppm, day_count, first_due_on, due_day, ceilings, NULL::uuid AS sheet_id, NULL::text AS sheet,
        NULL::date[] AS due_days
    FROM loans_loan WHERE merchant_id = nullif(current_setting('yuefu.merchant', true), '')::uuid
    UNION ALL
    SELECT a.id, a.merchant_id, a.order_id, a.capture_id, a.product, a.currency, a.principal_minor, a.disbursed_on, a.agreed_at,
        coalesce(c.status IN ('closed', 'written_off'), false), '2026-2', NULL::smallint, NULL::integer, NULL::text, a.first_due_on, NULL::smallint,
        NULL::bigint[], a.sheet_id, s.terms::text, a.due_days
    FROM loans_agreement a JOIN loans_sheet s ON s.id = a.sheet_id LEFT JOIN loans_checkpoint c ON c.loan_id = a.id
    WHERE a.merchant_id = nullif(current_setting('yuefu.merchant', true), '')::uuid;
GRANT SELECT ON loans_seen_by_merchant TO yuefu_reader;
"""


class Migration(migrations.Migration):
    dependencies = [("loans", "0015_checkpoints_behind")]

    operations = [migrations.RunSQL(VIEWS, migrations.RunSQL.noop)]
