"""Ping's keys: kept, renewed as they roll over, and never asked for more often than said."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from test_server_settings import read

from airflow_provider_dagpass.auth_manager import issuer as keys
from airflow_provider_dagpass.auth_manager.kept import FRESH_SECONDS, LAST_SECONDS, RETRY_SECONDS
from airflow_provider_dagpass.auth_manager.refusal import InvalidGrant, PingAway

SETTINGS = read()
#: Key 1 of RFC 7517 §A.1, and an RSA modulus of no use to anybody.
EC = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
RSA = {"kty": "RSA", "n": "sXchAV" + "A" * 335 + "B", "e": "AQAB"}


class World:
    """A clock, and a Ping that answers as it is told."""

    def __init__(self, *published: dict[str, Any]) -> None:
        self.now = 1000.0
        self.published = list(published)
        self.away = False
        #: A fetch ends while this is set: cleared, what is kept has to serve in its place.
        self.answers = threading.Event()
        self.answers.set()
        self.issuer = SETTINGS.issuer
        self.fetched: list[str] = []
        self.keys = keys.Issuer(SETTINGS, self, lambda: self.now)  # type: ignore[arg-type]

    def get(self, url: str) -> dict[str, Any]:
        self.fetched.append(url.rpartition("/")[2])
        assert self.answers.wait(20)
        if self.away:
            raise PingAway("away")
        if url.endswith("/keys"):
            return {"keys": list(self.published)}
        return {"issuer": self.issuer, "jwks_uri": "https://auth.example/keys"}

    def finds(self, kid: str | None, alg: str = "RS256") -> bool:
        header = {"alg": alg} if kid is None else {"alg": alg, "kid": kid}
        try:
            return self.keys.key(header).algorithm_name == alg
        except InvalidGrant:
            return False

    def land(self) -> None:
        """Waits for the fetches that are on their way."""
        self.answers.set()
        for thread in threading.enumerate():
            if thread.name == "dagpass-fetch":
                thread.join(20)

    def asked(self) -> int:
        return self.fetched.count("keys")


def test_document_and_keys_are_fetched_once_for_many_tokens() -> None:
    world = World({**RSA, "kid": "a"})
    assert all(world.finds("a") for _ in range(50))
    assert world.fetched == ["openid-configuration", "keys"]


def test_a_key_that_rolled_over_is_found_at_once() -> None:
    world = World({**RSA, "kid": "a"})
    assert world.finds("a")
    world.published = [{**RSA, "kid": "b"}]
    assert world.finds("b")
    assert not world.finds("a")


def test_invented_key_ids_make_a_few_fetches_and_one_more_each_ten_seconds() -> None:
    world = World({**RSA, "kid": "a"})
    assert world.finds("a")
    for second in range(120):
        world.now = 1000.0 + second
        assert not world.finds(f"invented-{second}")
    assert world.asked() == 1 + keys.UNKNOWN_KIDS + 11


def test_a_key_that_rolls_over_in_a_flood_of_invented_ones_is_found_soon() -> None:
    world = World({**RSA, "kid": "a"})
    for number in range(50):
        assert not world.finds(f"invented-{number}")
    world.published.append({**RSA, "kid": "b"})
    assert not world.finds("b")
    world.now += keys.UNKNOWN_KID_SECONDS
    assert not world.finds("invented")
    assert world.finds("b")


def test_one_key_id_that_nobody_has_is_looked_for_once_and_leaves_the_others_their_fetches() -> None:
    world = World({**RSA, "kid": "a"})
    assert not any(world.finds("nobody's") for _ in range(50))
    assert world.asked() == 1 + 1
    world.published.append({**RSA, "kid": "b"})
    assert world.finds("b")
    world.published.append({**RSA, "kid": "nobody's"})
    world.now += keys.NOBODYS_SECONDS + 1
    assert world.finds("nobody's")


def test_keys_go_stale_after_an_hour_and_serve_on_while_they_are_fetched_and_while_ping_is_away() -> None:
    world = World({**RSA, "kid": "a"})
    assert world.finds("a")
    world.now += FRESH_SECONDS + 1
    world.published = [{**RSA, "kid": "b"}]
    world.answers.clear()
    assert world.finds("a")
    world.land()
    assert not world.finds("a")
    world.away = True
    world.now += FRESH_SECONDS + 1
    world.answers.clear()
    assert world.finds("b")
    world.land()
    world.now += LAST_SECONDS
    with pytest.raises(PingAway):
        world.finds("b")


def test_a_key_that_could_not_be_looked_for_is_not_called_unknown() -> None:
    world = World({**RSA, "kid": "a"})
    assert world.finds("a")
    world.away = True
    for _ in range(3):
        with pytest.raises(PingAway):
            world.finds("b")
    assert world.asked() == 2
    assert world.finds("a")


def test_a_ping_that_is_away_is_not_asked_by_every_request() -> None:
    world = World()
    world.away = True
    for _ in range(20):
        with pytest.raises(PingAway):
            world.finds("a")
    assert len(world.fetched) == 1
    world.away, world.published = False, [{**RSA, "kid": "a"}]
    world.now += RETRY_SECONDS
    assert world.finds("a")


def test_a_document_of_another_issuer_is_not_believed() -> None:
    world = World({**RSA, "kid": "a"})
    world.issuer = SETTINGS.issuer + "/"
    with pytest.raises(PingAway):
        world.finds("a")
    assert world.asked() == 0


@pytest.mark.parametrize(
    ("published", "kid", "alg", "found"),
    [
        ([{**RSA, "kid": "a"}], "a", "RS256", True),
        ([{**RSA, "kid": "a"}], "a", "PS384", True),
        ([{**RSA, "kid": "a", "alg": "RS256"}], "a", "PS256", False),
        ([{**RSA, "kid": "a", "use": "enc"}], "a", "RS256", False),
        ([{**RSA, "kid": "a"}], "a", "ES256", False),
        ([{**EC, "kid": "a"}], "a", "ES256", True),
        ([{**EC, "kid": "a"}], "a", "RS256", False),
        ([{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}], "a", "RS256", False),
        ([{**RSA, "kid": "a"}], None, "RS256", True),
        ([{**RSA, "kid": "a"}, {**RSA, "kid": "b"}], None, "RS256", False),
        ([{**RSA, "kid": "a"}, {**EC, "kid": "b"}], None, "RS256", True),
        ([{"kty": "RSA", "kid": "a"}], "a", "RS256", False),
        (["a", None], "a", "RS256", False),
    ],
)
def test_a_key_is_used_for_what_it_is_published_for(
    published: list[Any], kid: str | None, alg: str, found: bool
) -> None:
    assert World(*published).finds(kid, alg) is found


@pytest.mark.parametrize("alg", ["none", "HS256", "HS512", "EdDSA", "RS1", "rs256", None, ["RS256"]])
def test_an_algorithm_outside_the_list_is_refused_before_any_key_is_looked_for(alg: Any) -> None:
    world = World({**RSA, "kid": "a"})
    with pytest.raises(InvalidGrant, match="not accepted"):
        world.keys.key({"alg": alg, "kid": "a"})
    assert world.fetched == []
