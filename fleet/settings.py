"""Settings, all from the environment, with defaults that are safe and need nothing installed.

| variable | means | default |
| --- | --- | --- |
| REKEY_VAR | where everything that must outlive a restart lies | ./var |
| DATABASE_URL | postgres://user:password@host/name | SQLite in REKEY_VAR |
| REDIS_URL | redis://host/0, also Valkey | files in REKEY_VAR |
| SMTP_URL | smtp://user:password@host:25, smtp+tls:// for STARTTLS | the local mail sink |
| REKEY_URL | the address people type, for links in mails | http://127.0.0.1:8000 |
| REKEY_SECRET_KEY, …_CODE_KEY, …_VAULT_KEY | base64 of 32 bytes each | made, in REKEY_VAR |
| each of them with …_FILE or …_COMMAND | a file, or what prints it, see `fleet.secrets` | none |
| REKEY_ALLOWED_HOSTS | names this server answers to, with commas | this machine only |
| REKEY_PROXIES | addresses of proxies in front, with commas: they say who asks | none |
| REKEY_LOCAL_DEVICES | networks on this very machine where devices may be, with commas | none |
| REKEY_SITE_WORKERS | ids of sites that have workers of their own, with commas | none |
| REKEY_MAIL_FROM | the sender that people are asked to allow | rekey@localhost |
| REKEY_CHECK_MAIL_DOMAINS | ask DNS whether a proposed mailbox's domain is real | where mail is |
| REKEY_MAIL_SERVICE | whose webhooks tell what became of mails: postmark, mailgun, … | none |
| ANYMAIL_WEBHOOK_SECRET | name:password in the webhook's address; needed with a service | none |
| ANYMAIL_… | each other setting of django-anymail, see its documentation | none |
| EMAIL_BACKEND | anymail.backends.….EmailBackend, to mail over the service's API | SMTP |
| REKEY_SUPPORT | whom to ask when no code comes and nothing helps: a sentence | administrators |
| REKEY_SWEEP_DEVICES_SECONDS | how often each device is asked whether it is there | 300 |
| REKEY_SWEEP_SECONDS | how often work is looked for whose wake-up was lost | 2 |
| REKEY_RESETS_AN_HOUR | the one limit over all organisations together | 10000 |
| REKEY_DRILL_DAYS | after how many days readiness asks for another drill | 180 |
| REKEY_PASSWORD_DAYS | after how many days readiness calls a password old | 365 |
| REKEY_DISCOVERY_PORT | the UDP port of WS-Discovery | 3702 |
| REKEY_LOG_LEVEL | what is logged: DEBUG, INFO, WARNING or ERROR | INFO |
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import environ
import structlog
from celery.schedules import crontab
from csp.constants import NONE, SELF
from kombu import Queue

from fleet.secrets import keys_of

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(env("REKEY_VAR", default=str(BASE_DIR / "var")))
VAR.mkdir(mode=0o700, parents=True, exist_ok=True)

DEBUG = False
SECRET_KEY, *SECRET_KEY_FALLBACKS = (
    key.value.hex() for key in keys_of("REKEY_SECRET_KEY", VAR / "secret_key").last
)
REKEY_CODE_KEY = keys_of("REKEY_CODE_KEY", VAR / "code_key").last[0].value
REKEY_VAULT_KEYS = keys_of("REKEY_VAULT_KEY", VAR / "vault_key")  # all: devices.vault.key_ring
REKEY_URL = env("REKEY_URL", default="http://127.0.0.1:8000").rstrip("/")
_https = REKEY_URL.startswith("https://")

ALLOWED_HOSTS = env.list(
    "REKEY_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", urlsplit(REKEY_URL).hostname]
)
CSRF_TRUSTED_ORIGINS = [REKEY_URL]
REKEY_PROXIES = env.list("REKEY_PROXIES", default=[])

# --- devices --------------------------------------------------------------------------------------

# Whoever may type an address could have Rekey talk to itself: see devices.drivers.reach.
REKEY_LOCAL_DEVICES = env.list("REKEY_LOCAL_DEVICES", default=[])
REKEY_DISCOVERY_PORT = env.int("REKEY_DISCOVERY_PORT", default=3702)
# How often each device is asked whether it is there and certified.
REKEY_SWEEP_DEVICES_SECONDS = env.float("REKEY_SWEEP_DEVICES_SECONDS", default=300.0)

# --- resets ---------------------------------------------------------------------------------------

# The one limit over all organisations together; theirs and their sites' are set in the console.
REKEY_RESETS_AN_HOUR = env.int("REKEY_RESETS_AN_HOUR", default=10_000)
# After how many days readiness asks for another drill, and calls a password old.
REKEY_DRILL_DAYS = env.int("REKEY_DRILL_DAYS", default=180)
REKEY_PASSWORD_DAYS = env.int("REKEY_PASSWORD_DAYS", default=365)

# --- apps -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "fleet.web",  # first: its sign-in pages go before allauth's own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lucide",
    "rest_framework",
    "fleet.eventstore",
    "fleet.api",
    "fleet.accounts",
    "fleet.audit",
    "fleet.local",
    "devices",
    "resets",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "fleet.web.request_log.RequestLog",
    "fleet.accounts.middleware.WhoAsks",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "fleet.web.middleware.DomainErrors",
]

ROOT_URLCONF = "fleet.urls"
WSGI_APPLICATION = "fleet.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "fleet.web.context.frame",
            ],
        },
    }
]

# --- database: the truth --------------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR / 'db.sqlite3'}")}
_database = DATABASES["default"]
_database["CONN_MAX_AGE"] = 60
_database["CONN_HEALTH_CHECKS"] = True
if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a writer queues at BEGIN instead of failing at COMMIT (measured: 0 "locked" errors
    # against thousands). FULL: a candidate password must be on the disk before the device hears it.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- broker: only a wake-up -----------------------------------------------------------------------

_redis = env("REDIS_URL", default="")
CELERY_BROKER_URL = _redis or "files://"  # see fleet.broker
if _redis:
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "visibility_timeout": 120,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
        "max_retries": 0,  # of a connection to publish with: it was six seconds of a request
    }
else:
    _broker = VAR / "broker"
    for _folder in ("queue", "control"):
        (_broker / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "queue"),
        "data_folder_out": str(_broker / "queue"),
        "control_folder": str(_broker / "control"),
        "polling_interval": 0.05,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False  # a lost wake-up is made good by the sweep
CELERY_TASK_IGNORE_RESULT = True
# Sites with a worker of their own, inside their network: the others leave their devices to it.
REKEY_SITE_WORKERS = tuple(UUID(site) for site in env.list("REKEY_SITE_WORKERS", default=[]))
# Two queues, taken from in turns: what people wait for does not stand behind a thousand devices.
CELERY_TASK_QUEUES = (Queue("celery"), Queue("urgent"))
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {
    "fleet.eventstore.tasks.sweep": {"queue": "urgent"},
    "resets.tasks.advance_campaigns": {"queue": "urgent"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
REKEY_SWEEP_SECONDS = env.float("REKEY_SWEEP_SECONDS", default=2.0)
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "beat")
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "fleet.eventstore.tasks.sweep",
        "schedule": REKEY_SWEEP_SECONDS,
        # Nobody needs yesterday's wake-up: without this they pile up while no worker runs.
        "options": {"expires": REKEY_SWEEP_SECONDS * 2},
    },
    "sweep devices": {
        "task": "devices.tasks.sweep_devices",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "advance campaigns": {
        "task": "resets.tasks.advance_campaigns",
        "schedule": 1.0,
        "options": {"expires": 2.0},
    },
    "strike schedules": {
        "task": "resets.tasks.strike_schedules",
        "schedule": 30.0,
        "options": {"expires": 30.0},
    },
    "sum refusals": {
        "task": "resets.tasks.sum_refusals",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "forget uses": {
        "task": "resets.tasks.forget_uses",
        "schedule": crontab(hour=3, minute=37),
        "options": {"expires": 3600},
    },
    "forget passwords": {
        "task": "devices.tasks.forget_passwords",
        "schedule": crontab(hour=3, minute=17),
        "options": {"expires": 3600},
    },
}

# --- mail -----------------------------------------------------------------------------------------

_smtp = env.email("SMTP_URL", default="smtp://127.0.0.1:8026")
EMAIL_BACKEND = env("EMAIL_BACKEND", default="fleet.mail.SmtpBackend")
EMAIL_HOST, EMAIL_PORT = _smtp["EMAIL_HOST"], _smtp["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
    _smtp["EMAIL_HOST_USER"] or "",
    _smtp["EMAIL_HOST_PASSWORD"] or "",
)
EMAIL_USE_TLS, EMAIL_USE_SSL = _smtp.get("EMAIL_USE_TLS", False), _smtp.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("REKEY_MAIL_FROM", default="Rekey <rekey@localhost>")
_mail_leaves = EMAIL_HOST not in ("127.0.0.1", "localhost", "::1") or "anymail" in EMAIL_BACKEND
REKEY_CHECK_MAIL_DOMAINS = env.bool("REKEY_CHECK_MAIL_DOMAINS", default=_mail_leaves)
# Whose webhooks are listened to, at /anymail/<service>/tracking/; see resets.delivery.webhooks.
REKEY_MAIL_SERVICE = env("REKEY_MAIL_SERVICE", default="")
# A service that takes no metadata knows the mail by its Message-ID all the same.
ANYMAIL: dict[str, Any] = {"IGNORE_UNSUPPORTED_FEATURES": True, "REQUESTS_TIMEOUT": 10} | {
    name.removeprefix("ANYMAIL_"): value
    for name, value in os.environ.items()
    if name.startswith("ANYMAIL_")
}
REKEY_SUPPORT = env("REKEY_SUPPORT", default="") or (
    "Ask an administrator of your organisation, and name the device and the time."
)

# --- people ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "fleet.accounts.sign_in.ClosedSignUp"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True  # a link would put a token into an address
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_SSL_REDIRECT = False  # the proxy in front does it, so that probes may come over http
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# A list of devices holds passwords: an upload never becomes a file on the way.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 6 * 2**20

# --- pages and calls ------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_TZ = True
TIME_ZONE = "UTC"  # stored; people see the site's zone
STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "fleet.accounts.bearer.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["fleet.api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["fleet.api.parsers.OrjsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "fleet.api.problems.problem_response",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rekey",
    "DESCRIPTION": "Gets people back into cameras and recorders whose password is lost.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [],
}

# --- logs: one JSON object a line, never a body, a form or a query string -------------------------

DJANGO_STRUCTLOG_CELERY_ENABLED = True
_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
# Below a warning they have lines for every page, mail and sweep, and nobody reads them.
_QUIET = ("django.server", "mail.log", "celery.app.trace", "celery.beat", "celery.worker.strategy",
          "django_structlog.celery")  # fmt: skip
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": _shared,
        }
    },
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["out"], "level": env("REKEY_LOG_LEVEL", default="INFO")},
    "loggers": {name: {"level": "WARNING"} for name in _QUIET},
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_logger_name,
        *_shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
