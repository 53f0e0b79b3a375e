"""Every setting of FlashPay, from the environment, `.env`, or `NAME_FILE` for secrets.

`docs/settings.md` lists them for people. With nothing set, FlashPay runs on one machine with what it brings along:
SQLite and an embedded Valkey under `DATA_DIR`, and the sandbox Flash.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flashpay import configuration, embedded

BASE_DIR = Path(__file__).resolve().parent.parent

env = configuration.Environment()
env.read_env(env.str("ENV_FILE", str(BASE_DIR / ".env")), recurse=False)

# --- Where it lives -------------------------------------------------------------------------------------------------

DATA_DIR: Path = env.path("DATA_DIR", BASE_DIR / "var").expanduser().resolve()
PORT: int = env.int("PORT", 8000, validate=configuration.port)
# The network address that the web process of `manage.py up` answers on; 0.0.0.0 for all.
LISTEN_ADDRESS: str = env.str("LISTEN_ADDRESS", "127.0.0.1")
PUBLIC_URL: str = env.str(
    "PUBLIC_URL", f"http://127.0.0.1:{PORT}", validate=configuration.Address("http", "https", bare=True)
).rstrip("/")
DEBUG: bool = env.bool("DEBUG", False)
_public = urlsplit(PUBLIC_URL)
_public_is_https = _public.scheme == "https"
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", [_public.hostname or "localhost", "127.0.0.1", "localhost", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
# Limits of how often one visitor and one link may ask; off only to measure.
THROTTLES: bool = env.bool("THROTTLES", True)
# Addresses or networks whose X-Forwarded-For is believed; nobody's by default.
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [], validate=configuration.networks)

# --- Secrets --------------------------------------------------------------------------------------------------------


def _kept(name: str, make: Callable[[], str]) -> str:
    try:
        return embedded.secret_kept(DATA_DIR, name, make)
    except OSError as error:
        raise configuration.FolderWrong(DATA_DIR, error) from error


SECRET_KEY: str = env.str("SECRET_KEY", "") or _kept("secret_key", embedded.random_key)
# The first key encrypts, all of them decrypt: a new key goes in front, `manage.py rotate_keys` rewrites.
FIELD_ENCRYPTION_KEYS: list[str] = env.list("FIELD_ENCRYPTION_KEYS", [], validate=configuration.encryption_keys) or [
    _kept("field_encryption_key", embedded.encryption_key)
]

# --- Flash ----------------------------------------------------------------------------------------------------------

SANDBOX_PORT: int = env.int(
    "SANDBOX_PORT", embedded.port_beside(PORT, embedded.SANDBOX_PORT_DISTANCE), validate=configuration.port
)
FLASH_API_URL: str = env.str("FLASH_API_URL", "", validate=configuration.Address("http", "https"))
# `manage.py up` runs the sandbox where no Flash is named.
EMBEDDED_SANDBOX = not FLASH_API_URL
SANDBOX: bool = env.bool("SANDBOX", not FLASH_API_URL)
SANDBOX_URL = f"http://127.0.0.1:{SANDBOX_PORT}"
if SANDBOX and not FLASH_API_URL:
    FLASH_API_URL = f"{SANDBOX_URL}/graphql"
# Flash serves the socket on another host than the API; without a setting the same address is tried as ws(s)://.
FLASH_WS_URL: str = env.str("FLASH_WS_URL", "", validate=configuration.Address("ws", "wss")) or FLASH_API_URL.replace(
    "http", "ws", 1
)
# Further hosts that a connection string may name as its server, beside FLASH_API_URL's and Flash's own.
FLASH_SERVERS: list[str] = env.list("FLASH_SERVERS", [])
FLASH_MINIMUM_SAT: int = env.int("FLASH_MINIMUM_SAT", 10_000, validate=configuration.not_negative)
# What Flash allows one API key and one address; a key may have been given more (`rateLimitPerMinute`).
FLASH_KEY_REQUESTS_PER_MINUTE: int = env.int("FLASH_KEY_REQUESTS_PER_MINUTE", 120, validate=configuration.not_negative)
FLASH_ADDRESS_REQUESTS_PER_MINUTE: int = env.int(
    "FLASH_ADDRESS_REQUESTS_PER_MINUTE", 60, validate=configuration.not_negative
)
ALLOW_PRIVATE_DESTINATIONS: bool = env.bool("ALLOW_PRIVATE_DESTINATIONS", False)
# How many cards' services are asked at once. Strangers name them, so they never get all the workers.
CARDS_AT_ONCE: int = env.int("CARDS_AT_ONCE", 2, validate=configuration.not_negative)

# --- Django ---------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "flashpay.stores",
    "flashpay.brand",
    "flashpay.invoices",
    "payouts",
    "payouts.vouchers",
    "payouts.recipients",
    "payouts.batches",
    "flashpay.till",
    "flashpay.notices",
    "flashpay.dashboard",
    "flashpay.api",
    "flashpay",
    "ninja",
    "allauth",
    "allauth.account",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "flashpay.proxies.trusted_proxies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "flashpay.languages.page_languages",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",
]
ROOT_URLCONF = "flashpay.urls"
WSGI_APPLICATION = "flashpay.wsgi.application"
# Wallets ask for exact addresses and many do not follow redirects.
APPEND_SLASH = False
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "flashpay.context.site",
            ],
        },
    }
]

# --- Database -------------------------------------------------------------------------------------------------------

DATABASES: dict[str, Any] = {"default": env.dj_db_url("DATABASE_URL", f"sqlite:///{DATA_DIR / 'flashpay.sqlite3'}")}
configuration.database(DATABASES["default"])
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that will write takes its lock at the start: no lost update, no upgrade deadlock.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: what was committed survives a power cut, as a ledger must.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # Set, not defaulted: reading the address has put Django's own values there, a new connection for every request.
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis and Celery -----------------------------------------------------------------------------------------------

VALKEY_PORT: int = env.int(
    "VALKEY_PORT", embedded.port_beside(PORT, embedded.VALKEY_PORT_DISTANCE), validate=configuration.port
)
REDIS_URL: str = env.str("REDIS_URL", "", validate=configuration.Address("rediss", "unix", "redis"))
# `manage.py up` runs a Valkey where none is named.
EMBEDDED_VALKEY = not REDIS_URL
VALKEY_PASSWORD = _kept("valkey_password", embedded.random_key) if EMBEDDED_VALKEY else ""
REDIS_URL = REDIS_URL or f"redis://:{VALKEY_PASSWORD}@127.0.0.1:{VALKEY_PORT}/0"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "flashpay",
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True  # state lives in our tables
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONSUMER = "flashpay.broker_loss:Consumer"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Kombu's defaults bring a dead worker's task back only after more than 100 s; these make it the timeout alone.
    "visibility_timeout": 120,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "health_check_interval": 25,
    "global_keyprefix": "flashpay:",
    # Whoever hands over a task is answering somebody, and a row says the same as the message: one more try, then go on.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_TIMEZONE = "UTC"
CELERY_IMPORTS = ["flashpay.heartbeat"]
# Every entry may run twice at once and ends in the queue after one period, so that a backlog never piles up.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    name: {"task": task, "schedule": period_s, "options": {"expires": period_s}}
    for name, task, period_s in (
        # (name shown in logs, path of the task, period in seconds)
        ("heartbeat", "flashpay.heartbeat", 5.0),
        ("poll open Lightning invoices", "flashpay.invoices.tasks.poll_open_lightning_invoices", 5.0),
        ("expire invoices", "flashpay.invoices.tasks.expire_invoices", 5.0),
        ("sweep cards", "flashpay.invoices.tasks.sweep_cards", 5.0),
        ("send due payouts", "payouts.tasks.send_due_payouts", 5.0),
        ("reconcile payouts", "payouts.tasks.reconcile_due_payouts", 5.0),
        ("expire payouts", "payouts.tasks.expire_payouts", 15.0),
        ("renew pull payments", "payouts.tasks.renew_pull_payments", 60.0),
        ("sweep drafts of payout tables", "payouts.batches.tasks.sweep_drafts", 3600.0),
        ("complete receipts", "payouts.tasks.complete_receipts", 10.0),
        ("check wallet connections", "flashpay.stores.tasks.check_wallet_connections", 60.0),
        ("refresh rates", "flashpay.stores.tasks.refresh_rates", 15.0),
        ("send due mail", "flashpay.notices.tasks.send_due_mail", 10.0),
        ("watch balances", "flashpay.notices.tasks.watch_balances", 60.0),
        ("forget old mail", "flashpay.notices.tasks.forget_old_mail", 3600.0),
        ("forget answered requests", "flashpay.api.tasks.forget_answered_requests", 3600.0),
    )
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat")
# Processes without whose sign of life `/readyz` answers 503: some of worker, beat and listener. `manage.py up` asks for all.
READY_REQUIRES: list[str] = env.list("READY_REQUIRES", [], validate=configuration.each_of("worker", "beat", "listener"))

# --- People ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "stores.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard:home"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = env.str(
    "ACCOUNT_EMAIL_VERIFICATION", "none", validate=configuration.one_of("none", "optional", "mandatory")
)
ACCOUNT_ADAPTER = "flashpay.stores.accounts.AccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
REGISTRATION_OPEN: bool = env.bool("REGISTRATION_OPEN", False)

EMAIL_URL: str = env.str("EMAIL_URL", "console:", validate=configuration.mail_valid)
vars().update(configuration.mail(EMAIL_URL))
# A mail server that hangs must not hold up a worker for longer.
EMAIL_TIMEOUT = 20
# Whom mail comes from; mails of a store put the store's name before the address.
DEFAULT_FROM_EMAIL: str = env.str(
    "EMAIL_FROM", f"FlashPay <noreply@{_public.hostname}>", validate=configuration.mail_sender
)

# --- Language and time ----------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
# Of the pages for payers and recipients; see `flashpay.languages`. Another one needs a catalogue in `locale/`.
LANGUAGES = [("en", "English"), ("es", "Español"), ("ht", "Kreyòl ayisyen"), ("nl", "Nederlands"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "lang"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files ---------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Safety ---------------------------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public_is_https
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if _public_is_https else 0
SECURE_REFERRER_POLICY = "no-referrer-when-downgrade" if DEBUG else "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/api/docs"],
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    },
}
NINJA_NUM_PROXIES = 0

# --- Logs -----------------------------------------------------------------------------------------------------------

LOG_FORMAT: str = env.str("LOG_FORMAT", "console", validate=configuration.one_of("console", "json"))
LOG_LEVEL: str = env.str(
    "LOG_LEVEL", "INFO", validate=configuration.one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
LOGGING_CONFIG = None  # flashpay.logs sets structlog and the standard library up together, in flashpay.apps
