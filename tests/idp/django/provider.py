"""PyPI `django-oauth-toolkit` as a whole OpenID provider: its own endpoints, its own login, consent and
device pages, two public clients and two people. Prints one JSON line once it listens, and ends when its
standard input does, so that no test can leave it behind.

Only settings that its documentation names; what a token is and who may have it is the library's answer.
Under `/rig/` is what a test asks of it: what it saw, what only an admin or a thief could do.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from record import Record

PREFIX = "/o"
BROWSER = "dagpass-browser"
#: An application of this library has one grant: who signs in by code elsewhere is a client of its own.
DEVICE = "dagpass-device"
GROUPS = {"alice": ["Data Engineers", "airflow-admins"], "bob": ["Analysts"]}
PASSWORD = "x"
RECORD = Record()


def main() -> None:
    asked = arguments()
    # The device page's address names the port, so the port comes first and the library second.
    server = make_server("127.0.0.1", 0, None, Server, Quiet)
    origin = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory(prefix="dagpass-django-") as scratch:
        configure(Path(scratch), toolkit(origin, asked.access))
        populate()
        from django.core.wsgi import get_wsgi_application

        server.set_app(get_wsgi_application())
        said = {"origin": origin, "issuer": origin + PREFIX, "browser": BROWSER, "device": DEVICE}
        print(json.dumps(said), flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--access", type=int, default=300, help="seconds an access token lives")
    return parser.parse_args()


def configure(scratch: Path, provider: dict) -> None:
    settings.configure(
        SECRET_KEY="a test rig",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="pages",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": scratch / "provider.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        # The tables as they are now, without the years in between.
        MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "sessions", "oauth2_provider")),
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.middleware.common.CommonMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "pages.recorded",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [Path(__file__).parent],
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LOGIN_URL="/login/",
        LOGGING={
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"stderr": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["stderr"], "level": "ERROR"},
        },
        OAUTH2_PROVIDER=provider,
    )
    django.setup()


def toolkit(origin: str, access: int) -> dict:
    return {
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": signing_key(),
        "OAUTH2_VALIDATOR_CLASS": "claims.WithGroups",
        "SCOPES": {
            "openid": "who you are",
            "profile": "your name",
            "groups": "your groups",
            "airflow": "use Airflow for you",
            "warehouse:read": "read the warehouse",
        },
        "ACCESS_TOKEN_EXPIRE_SECONDS": access,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "REQUEST_APPROVAL_PROMPT": "auto",
        "OAUTH_DEVICE_VERIFICATION_URI": f"{origin}{PREFIX}/device/",
        "DEVICE_FLOW_INTERVAL": 1,
    }


def signing_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def populate() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", run_syncdb=True, verbosity=0)
    for name in GROUPS:
        User.objects.create_user(name, f"{name}@corp.example", PASSWORD, first_name=name.title())
    public = {"client_type": Application.CLIENT_PUBLIC, "algorithm": Application.RS256_ALGORITHM}
    Application.objects.create(
        client_id=BROWSER,
        name="dagpass",
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris="http://127.0.0.1/callback",
        **public,
    )
    Application.objects.create(
        client_id=DEVICE,
        name="dagpass elsewhere",
        authorization_grant_type=Application.GRANT_DEVICE_CODE,
        **public,
    )


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


if __name__ == "__main__":
    # One module under both names: the pages ask this one for what it saw.
    sys.modules["provider"] = sys.modules["__main__"]
    main()
