"""What the server's tests play on: the independent provider, Airflow's API server, and a mint.

The provider signs people in and issues its own tokens. The mint signs what no honest provider
would, with a key that stands in the same published set, so that only the fact under test is wrong.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import venvs

AIRFLOW = venvs.WITH_FAB
IDP = venvs.HERE.parent / "idp"
API = "https://warehouse.corp.example"
AGENT = "agent"
#: As `tests/idp/dress.mjs` has it.
WEB_CLIENT = ("airflow-web", "known to the rig and its tests alone")
ROLES = {
    "version": 1,
    "claim": "groups",
    "roles": {
        "Data Engineers": ["User"],
        "airflow-admins": ["Op"],
        "Analysts": ["Viewer"],
        "root": ["Admin"],
    },
}


def with_role(group: str, role: str) -> dict[str, Any]:
    """The roles file with another role for one group."""
    return {**ROLES, "roles": {**ROLES["roles"], group: [role]}}  # type: ignore[dict-item]


#: How long may a server take to answer for the first time?
BOOT_SECONDS = 120.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def kept_in(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Key:
    """One signing key and its published half."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        self.jwk: dict[str, Any] = {**public, "kid": kid, "use": "sig", "alg": "RS256"}


class Provider:
    """The independent provider of `tests/idp`, and people who sign in there."""

    def __init__(self, web: str, family: str = "pingone") -> None:
        command = ["node", str(IDP / "provider.mjs"), "--family", family, "--at-ttl", "900", "--web", web]
        # It ends when its standard input does: no test can leave it behind.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.line: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.issuer: str = self.line["issuer"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def sign_in(self, user: str, scope: str = "openid groups airflow") -> dict[str, Any]:
        """The token endpoint's answer to a fresh sign-in of the agent's client."""
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        callback = "http://127.0.0.1:9/callback"
        ask = {
            "client_id": AGENT,
            "redirect_uri": callback,
            "response_type": "code",
            "scope": scope,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "max_age": "3600",
        }
        url = f"{self.line['endpoints']['authorization']}?{urlencode(ask)}"
        left = self.control("authorize", {"url": url, "user": user})["callback"]
        code = parse_qs(urlsplit(left).query)["code"][0]
        form = {"grant_type": "authorization_code", "client_id": AGENT, "redirect_uri": callback}
        reply = httpx.post(
            self.line["endpoints"]["token"], data={**form, "code": code, "code_verifier": verifier}
        )
        answer: dict[str, Any] = reply.raise_for_status().json()
        return answer

    def revoke(self, token: str) -> None:
        form = {"token": token, "client_id": AGENT}
        httpx.post(self.line["endpoints"]["revocation"], data=form).raise_for_status()

    def control(self, what: str, ask: dict[str, Any] | None = None) -> dict[str, Any]:
        url = f"{self.line['control']}/{what}"
        reply = httpx.get(url) if ask is None else httpx.post(url, json=ask, timeout=30)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer


class Front(ThreadingHTTPServer):
    """The provider's discovery document with a key set of our own making, and a count of who asks. By TLS,
    with a certificate that only `ca_file` vouches for."""

    daemon_threads = True

    def __init__(self, provider: Provider, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _FrontHandler)
        self.origin = f"https://127.0.0.1:{self.server_port}"
        self.ca_file = certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, folder / "front.key")
        # The handshake is the answering thread's: nobody else waits for a client that is slow at it.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.document = {
            **httpx.get(provider.line["discovery"]).json(),
            "jwks_uri": f"{self.origin}/keys",
        }
        self.keys: list[dict[str, Any]] = httpx.get(provider.line["endpoints"]["jwks"]).json()["keys"]
        #: The issuer at `/ci` is another, with this key alone.
        self.ci = Key("ci")
        self.fetched = 0
        #: While it is not set, the keys are not answered.
        self.answers = threading.Event()
        self.answers.set()
        self.held = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def publish(self, key: Key) -> Key:
        self.keys = [*self.keys, key.jwk]
        return key


class _FrontHandler(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        body = self.server.document
        if self.path.startswith("/ci/"):
            issuer = f"{self.server.origin}/ci"
            body = {"issuer": issuer, "jwks_uri": f"{issuer}/keys", "keys": [self.server.ci.jwk]}
        if self.path == "/keys":
            self.server.fetched += 1
            if not self.server.answers.is_set():
                self.server.held.set()
                self.server.answers.wait(120)
            body = {"keys": self.server.keys}
        payload = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """The count is kept, not printed."""


def certificate(folder: Path) -> Path:
    """For 127.0.0.1, signed by itself: the file to trust, and `front.key` beside it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "front of the tests")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "front.key").write_bytes(key.private_bytes(pem, kind, plain))
    path = folder / "front.pem"
    path.write_bytes(made.public_bytes(pem))
    return path


class Mint:
    """Signs what it is told to: a good access token of alice's, and what is changed in it."""

    def __init__(self, issuer: str, key: Key) -> None:
        self._issuer = issuer
        self.key = key

    def claims(self, **changed: Any) -> dict[str, Any]:
        """``None`` leaves a claim out."""
        now = int(time.time())
        good = {
            "iss": self._issuer,
            "sub": "alice",
            "aud": API,
            "client_id": AGENT,
            "scope": "airflow",
            "iat": now,
            "exp": now + 600,
            "auth_time": now - 60,
            "jti": uuid.uuid4().hex,
            "groups": ["Data Engineers", "airflow-admins"],
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(self, key: Key | None = None, typ: str = "at+jwt", **changed: Any) -> str:
        key = key or self.key
        headers = {"kid": key.kid, "typ": typ}
        return jwt.encode(self.claims(**changed), key.private, algorithm="RS256", headers=headers)


class ApiServer:
    """A real `airflow api-server` on loopback, with a home of its own."""

    def __init__(
        self, home: Path, port: int, settings: dict[str, str], env: dict[str, str] | None = None
    ) -> None:
        """``env``: the whole environment, in place of what ``settings`` give."""
        self.url = f"http://127.0.0.1:{port}"
        self.home = home
        self.env = env or environment(home, port, settings)
        self._log = home / "api-server.log"
        command = [str(venvs.python(AIRFLOW)), "-m", "airflow", "api-server"]
        options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        with self._log.open("wb") as log:
            # A group of its own: what it starts ends with it.
            self._process = subprocess.Popen(
                [*command, *options], env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/api/v2/monitor/health").status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError(f"the API server did not come up:\n{self.log()[-4000:]}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=5)

    def grant(self, assertion: str, path: str = "/auth/token") -> httpx.Response:
        ask = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        return httpx.post(f"{self.url}{path}", json=ask, timeout=30)

    def jwt(self, assertion: str) -> str:
        reply = self.grant(assertion)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["access_token"])

    def get(self, path: str, bearer: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {bearer}"}, timeout=30)

    def read(self, bearer: str) -> int:
        return self.get("/api/v2/dags/dagpass_roles", bearer).status_code

    def trigger(self, bearer: str) -> int:
        url = f"{self.url}/api/v2/dags/dagpass_roles/dagRuns"
        headers = {"Authorization": f"Bearer {bearer}"}
        ask = {"logical_date": None, "dag_run_id": uuid.uuid4().hex}
        return httpx.post(url, json=ask, headers=headers, timeout=30).status_code


def environment(home: Path, port: int, settings: dict[str, str]) -> dict[str, str]:
    """Airflow's settings; ``settings`` are those of `[dagpass_auth]`."""
    ours = {f"AIRFLOW__DAGPASS_AUTH__{key.upper()}": value for key, value in settings.items()}
    base = {
        "PYTHONPATH": str(venvs.package()),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow_provider_dagpass.auth_manager.fab.PingFabAuthManager",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__FAB__CONFIG_FILE": str(home / "webserver_config.py"),
        "AIRFLOW__FAB__SESSION_BACKEND": "database",
        "AIRFLOW__FAB__SESSION_MAX_LIFETIME_MINUTES": "720",
    }
    return venvs.environment(home) | base | ours


def airflow(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(venvs.python(AIRFLOW)), "-m", "airflow", *arguments]
    return subprocess.run(command, env=env, text=True, capture_output=True, check=False, timeout=120)
