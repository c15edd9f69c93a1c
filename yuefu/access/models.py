"""Tables of access."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower

from yuefu.runtime.tables import BookRow


class UserManager(BaseUserManager["User"]):
    """What Django's login asks for; users are made by `commands.create_users`."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(login=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who logs in. Belongs to no book; see Membership."""

    id = models.UUIDField(primary_key=True)
    login = models.TextField(unique=True)
    display_name = models.TextField()
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "login"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(login=Lower("login")), name="access_user_login_lower"),
            models.CheckConstraint(condition=~Q(login=""), name="access_user_login_given"),
        ]


_ROLES = ["operator", "risk", "finance", "support", "compliance", "merchant_owner", "merchant_staff"]
_MERCHANT = ["merchant_owner", "merchant_staff"]


class Membership(BookRow):
    """One role of a user in one book; ended, never deleted."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    role = models.TextField()
    merchant_id = models.UUIDField(null=True)
    granted_by = models.TextField()
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=_ROLES), name="access_membership_role"),
            models.CheckConstraint(
                condition=Q(role__in=_MERCHANT, merchant_id__isnull=False) | (~Q(role__in=_MERCHANT) & Q(merchant_id__isnull=True)),
                name="access_membership_merchant_role",
            ),
            models.UniqueConstraint(fields=["user", "book_id"], condition=Q(ended_at__isnull=True), name="access_membership_one_in_force"),
        ]


class ApiKey(BookRow):
    """A key of a merchant, or of an agent; its secret is kept as a hash only. It acts for the user who made it."""

    merchant_id = models.UUIDField()
    """Whose it is: a merchant, or where `held_by` says so an agent, of whom no merchant's row is."""
    held_by = models.TextField(db_default="merchant")
    scopes = models.JSONField()
    prefix = models.TextField()
    secret_hash = models.BinaryField(unique=True)
    last_four = models.TextField()
    replaces_id = models.UUIDField(null=True, unique=True)
    created_by = models.TextField()
    created_by_user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    api_version = models.TextField(db_default="2026-09-01")
    networks = models.JSONField(db_default=Value([], models.JSONField()))

    class Meta:
        db_table = "access_api_key"
        constraints = [
            models.CheckConstraint(
                condition=Q(prefix__in=[f"{kind}_{mode}_" for kind in ("sk", "rk", "pk") for mode in ("test", "live")]),
                name="access_api_key_prefix",
            ),
            models.CheckConstraint(condition=Q(held_by__in=["merchant", "agent"]), name="access_api_key_held_by"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gte=models.F("created_at")), name="access_api_key_expiry"
            ),
        ]
        indexes = [models.Index(fields=["book_id", "merchant_id"], name="access_api_key_merchant")]
