"""Django settings. Everything that differs between installations comes from the environment or from files under YUEFU_HOME."""

from __future__ import annotations

import os
from pathlib import Path

from yuefu.runtime.databases import django_databases
from yuefu.runtime.home import default_home

HERE = Path(__file__).resolve().parent.parent


YUEFU_HOME = default_home()
YUEFU_KEYS_FILE = Path(os.environ.get("YUEFU_KEYS_FILE", YUEFU_HOME / "keys.json"))
YUEFU_DEMO = os.environ.get("YUEFU_DEMO") == "1"
YUEFU_METRICS_TOKEN = os.environ.get("YUEFU_METRICS_TOKEN", "")
# Requests that a key may send in a minute to each process that serves.
YUEFU_API_RATE_LIVE = int(os.environ.get("YUEFU_API_RATE_LIVE", "60000"))
YUEFU_API_RATE_TEST = int(os.environ.get("YUEFU_API_RATE_TEST", "60000"))
# Networks of proxies that tell the address of who asked them in X-Forwarded-For, separated by commas.
YUEFU_PROXIES = [text for text in os.environ.get("YUEFU_PROXIES", "").split(",") if text]
# Where browsers find this installation: what links that are given out begin with. `yuefu serve` says its own address unless one is given.
YUEFU_PUBLIC_URL = os.environ.get("YUEFU_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
# Who carries messages of live books; those of test books go to a directory below YUEFU_HOME whatever stands here (see yuefu.journeys.jobs).
YUEFU_SMTP_URL = os.environ.get("YUEFU_SMTP_URL", "")
YUEFU_MAIL_FROM = os.environ.get("YUEFU_MAIL_FROM", "")
YUEFU_SMS_URL = os.environ.get("YUEFU_SMS_URL", "")
YUEFU_SMS_SECRET = os.environ.get("YUEFU_SMS_SECRET", "")

# Networks that webhooks may go to though they are not public, by comma, for development and tests: 127.0.0.0/8,::1/128.
YUEFU_WEBHOOK_NETWORKS = os.environ.get("YUEFU_WEBHOOK_NETWORKS", "")

# What matches two files of any size (`yuefu match`) and large days of a book: duckdb, polars or spark; for spark a master URL, or the address of a Spark
# Connect (sc://…), and a directory that all workers see. From how many rows on a day of a book is large.
YUEFU_MATCH_ENGINE = os.environ.get("YUEFU_MATCH_ENGINE", "duckdb")
YUEFU_MATCH_ADDRESS = os.environ.get("YUEFU_MATCH_ADDRESS", "")
YUEFU_MATCH_MEMORY_MB = os.environ.get("YUEFU_MATCH_MEMORY_MB", "")
YUEFU_MATCH_DIR = os.environ.get("YUEFU_MATCH_DIR", "")
YUEFU_MATCH_FROM_ROWS = os.environ.get("YUEFU_MATCH_FROM_ROWS", "")

# Sessions and signed links. A process that serves without a secret of its own refuses to start (see yuefu.cli.serve).
NO_SECRET = "not-a-secret-for-commands-that-do-not-serve"  # noqa: S105 - what it says
SECRET_KEY = os.environ.get("YUEFU_SECRET_KEY") or NO_SECRET
DEBUG = False
ALLOWED_HOSTS = os.environ.get("YUEFU_HOSTS", "127.0.0.1,localhost,[::1]").split(",")

DATABASES = django_databases()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "access.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "yuefu.runtime",
    "yuefu.access",
    "yuefu.ledger",
    "yuefu.consumers",
    "yuefu.merchants",
    "yuefu.notices",
    "yuefu.payments",
    "yuefu.risk",
    "yuefu.credit",
    "yuefu.offers",
    "yuefu.orders",
    "yuefu.loans",
    "yuefu.billing",
    "yuefu.collecting",
    "yuefu.papers",
    "yuefu.settlement",
    "yuefu.aftersales",
    "yuefu.reconciliation",
    "yuefu.growth",
    "yuefu.sandbox",
    "yuefu.insight",
    "yuefu.web",
    "yuefu.api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "yuefu.web.middleware.observe",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "yuefu.config.urls"
WSGI_APPLICATION = "yuefu.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [HERE / "web" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = HERE / "web" / "static-built"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# What anybody may read as it stands, at its own address: the documentation of the API at /docs/, where it was built.
WHITENOISE_ROOT = next((place for place in [HERE / "web" / "public-built"] if place.is_dir()), None)
WHITENOISE_INDEX_FILE = True
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if os.environ.get("YUEFU_HTTPS") == "1":
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_HSTS_SECONDS = 31_536_000

LOGGING_CONFIG = None
PROCRASTINATE_DATABASE_ALIAS = "default"
PROCRASTINATE_IMPORT_PATHS = ["yuefu.journeys.jobs", "yuefu.journeys.clock_jobs"]
