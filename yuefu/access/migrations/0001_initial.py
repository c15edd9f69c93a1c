import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("login", models.TextField(unique=True)),
                ("display_name", models.TextField()),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("login", django.db.models.functions.text.Lower("login"))), name="access_user_login_lower"
                    ),
                    models.CheckConstraint(condition=models.Q(("login", ""), _negated=True), name="access_user_login_given"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("scopes", models.JSONField()),
                ("prefix", models.TextField()),
                ("secret_hash", models.BinaryField(unique=True)),
                ("last_four", models.TextField()),
                ("replaces_id", models.UUIDField(null=True, unique=True)),
                ("created_by", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "access_api_key",
                "indexes": [models.Index(fields=["book_id", "merchant_id"], name="access_api_key_merchant")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("prefix__in", ["sk_test_", "sk_live_"])), name="access_api_key_prefix"),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__isnull", True), ("expires_at__gte", models.F("created_at")), _connector="OR"),
                        name="access_api_key_expiry",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("role", models.TextField()),
                ("merchant_id", models.UUIDField(null=True)),
                ("granted_by", models.TextField()),
                ("granted_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["operator", "risk", "finance", "support", "compliance", "merchant_owner", "merchant_staff"])
                        ),
                        name="access_membership_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("merchant_id__isnull", False), ("role__in", ["merchant_owner", "merchant_staff"])),
                            models.Q(
                                models.Q(("role__in", ["merchant_owner", "merchant_staff"]), _negated=True), ("merchant_id__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="access_membership_merchant_role",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)), fields=("user", "book_id"), name="access_membership_one_in_force"
                    ),
                ],
            },
        ),
        # A user belongs to no book, so staff and readers see no row of the table; login itself runs as the writer.
        secure("access_user", writes="update", book=None),
        secure("access_membership", writes="update"),
        composite_key("access_api_key", ["book_id", "id"]),
        composite_fk("access_api_key", ["book_id", "replaces_id"], "access_api_key", ["book_id", "id"]),
        secure("access_api_key", writes="update"),
    ]
