from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
-- A product begins as a draft; once published it changes in nothing but its retirement.
CREATE FUNCTION offers_guard_product() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'draft' THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'a product begins as a draft' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'draft' AND NEW.state IN ('draft', 'published') AND NEW.id = OLD.id AND NEW.book_id = OLD.book_id THEN
        RETURN NEW;
    END IF;
    IF OLD.state = 'published' AND NEW.state = 'retired'
       AND to_jsonb(NEW) - 'state' - 'retired_at' = to_jsonb(OLD) - 'state' - 'retired_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'product % version % is % and never changes', OLD.code, OLD.version, OLD.state USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER offers_product_guarded BEFORE INSERT OR UPDATE ON offers_product FOR EACH ROW EXECUTE FUNCTION offers_guard_product();

-- The hash is that of the very text, and the text is an object.
ALTER TABLE offers_disclosure
    ADD CONSTRAINT offers_disclosure_content_hash CHECK (hash = sha256(convert_to(content, 'UTF8'))),
    ADD CONSTRAINT offers_disclosure_content_is_json CHECK (content IS JSON OBJECT WITH UNIQUE KEYS);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Disclosure",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("product_id", models.UUIDField()),
                ("hash", models.BinaryField()),
                ("content", models.TextField()),
                ("template_version", models.TextField()),
                ("first_shown_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("book_id", "hash"), name="offers_disclosure_hash")],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("code", models.TextField()),
                ("version", models.IntegerField()),
                ("name_zh", models.TextField()),
                ("name_en", models.TextField()),
                ("payer", models.TextField()),
                ("annual_rate_ppm", models.IntegerField()),
                ("periods", models.JSONField()),
                ("currency", models.TextField()),
                ("minimum_minor", models.BigIntegerField()),
                ("maximum_minor", models.BigIntegerField()),
                ("day_count", models.TextField()),
                ("min_gap_days", models.SmallIntegerField()),
                ("rule_version", models.TextField()),
                ("jurisdiction", models.TextField()),
                ("lender_zh", models.TextField()),
                ("lender_en", models.TextField()),
                ("lender_licence", models.TextField()),
                ("state", models.TextField()),
                ("approval_id", models.UUIDField(null=True, unique=True)),
                ("created_by", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("published_at", models.DateTimeField(null=True)),
                ("retired_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "code", "version"), name="offers_product_version"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["draft", "published", "retired"])), name="offers_product_state"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approval_id__isnull", True), ("published_at__isnull", True), ("state", "draft")),
                            models.Q(
                                models.Q(("state", "draft"), _negated=True), ("approval_id__isnull", False), ("published_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="offers_product_published_with_approval",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("retired_at__isnull", False), ("state", "retired")),
                            models.Q(models.Q(("state", "retired"), _negated=True), ("retired_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="offers_product_retired_at",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("annual_rate_ppm", 0), ("payer", "merchant")),
                            models.Q(("annual_rate_ppm__gt", 0), ("annual_rate_ppm__lte", 1000000), ("payer", "consumer")),
                            _connector="OR",
                        ),
                        name="offers_product_price",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maximum_minor__gte", models.F("minimum_minor")), ("minimum_minor__gt", 0)),
                        name="offers_product_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("day_count__in", ["act_365", "thirty_360"])), name="offers_product_day_count"
                    ),
                ],
            },
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_fk("offers_product", ["book_id"], "runtime_book", ["id"]),
        composite_key("offers_product", ["book_id", "id"]),
        secure("offers_product", writes="update"),
        composite_fk("offers_disclosure", ["book_id", "product_id"], "offers_product", ["book_id", "id"]),
        secure("offers_disclosure", writes="append"),
    ]
