"""What is typed into `[dagpass_auth]`: a wrong or missing key is an error that names it."""

from __future__ import annotations

import pytest

from airflow_provider_dagpass.auth_manager import settings
from airflow_provider_dagpass.auth_manager.delay import removed_group_bites_within
from airflow_provider_dagpass.auth_options import SECTION

GOOD = {
    "issuer": "https://auth.example/as",
    "audience": "api",
    "clients": "agent",
    "roles_file": "airflow-roles.json",
}


def read(base_url: str = "https://airflow.example/", **typed: str) -> settings.Settings:
    return settings.read(lambda key: {**GOOD, **typed}.get(key, ""), home="/home", base_url=base_url)


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("issuer", ""),
        ("issuer", "auth.example"),
        ("issuer", "http://auth.example/as"),
        ("audience", " "),
        ("clients", ""),
        ("roles_file", ""),
        ("accept", "password"),
        ("assertion", "refresh_token"),
        ("algorithms", "RS256, none"),
        ("algorithms", "HS256"),
        ("leeway", "121"),
        ("leeway", "-1"),
        ("max_auth_age", "12h"),
        ("max_auth_age", "0"),
        ("absent_auth_time", "ignore"),
        ("introspect", "perhaps"),
        ("end_session", "2"),
        ("discovery_url", "ftp://auth.example"),
        ("exchange_audience", "api"),
        ("exchange_audience", "agent"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_key(key: str, typed: str) -> None:
    with pytest.raises(settings.SettingsError, match=rf"^\[dagpass_auth\] {key}: .+; .+") as wrong:
        read(**{key: typed})
    assert wrong.value.key == key


def test_introspection_without_a_client_names_what_is_missing() -> None:
    with pytest.raises(settings.SettingsError, match="client_id"):
        read(introspect="True")
    with pytest.raises(settings.SettingsError, match="client_secret"):
        read(introspect="True", client_id="airflow")


def test_what_is_not_typed_is_the_safe_choice() -> None:
    made = read()
    assert made.accept == {"exchange"}
    assert (made.leeway, made.max_auth_age) == (30, 43200)
    assert not made.accept_absent_auth_time
    assert not made.introspect
    assert made.roles_file == "/home/airflow-roles.json"
    assert made.discovery_url == "https://auth.example/as/.well-known/openid-configuration"
    endpoint = "https://airflow.example/auth/token"
    assert made.exchange_audience == (endpoint, f"{endpoint}/cli")
    assert read(base_url="/").exchange_audience == ()


def test_loopback_alone_may_do_without_tls() -> None:
    for issuer in ("http://127.0.0.1:9/as", "http://localhost:9", "http://[::1]:9/"):
        assert read(issuer=issuer).issuer == issuer


def test_the_secret_is_in_no_text_of_the_settings() -> None:
    assert "hidden" not in repr(read(client_secret="hidden"))


class Conf(dict[str, int]):
    """Airflow's configuration, whole numbers only."""

    def getint(self, section: str, key: str, fallback: int) -> int:
        return self.get(f"{section}.{key}", fallback)


@pytest.mark.parametrize(
    ("typed", "conf", "api", "web"),
    [
        ({}, {}, 43200 + 30 + 3600 + 30, None),
        ({"accept": "direct"}, {}, 43200 + 30 + 30, None),
        ({"max_auth_age": "3600", "leeway": "0"}, {"fab.cache_ttl": 1}, 3600 + 3600 + 1, None),
        ({}, {"api_auth.jwt_expiration_time": 600}, 43200 + 30 + 600 + 30, None),
        ({}, {"fab.session_max_lifetime_minutes": 60}, 43200 + 30 + 3600 + 30, 43200 + 30 + 3600 + 30),
        ({"absent_auth_time": "accept"}, {"fab.session_max_lifetime_minutes": 60}, None, None),
    ],
)
def test_the_longest_delay_is_computed_from_the_settings(
    typed: dict[str, str], conf: dict[str, int], api: int | None, web: int | None
) -> None:
    assert removed_group_bites_within(read(**typed), Conf(conf)) == {"api": api, "web": web}


def test_every_option_is_listed_with_the_default_that_holds() -> None:
    listed = {name: option["default"] for name, option in SECTION["options"].items()}
    assert read(**{name: default for name, default in listed.items() if default}) == read()
    asked: set[str] = set()

    def get(key: str) -> str:
        asked.add(key)
        return GOOD.get(key, "")

    settings.read(get, home="/", base_url="")
    assert asked == set(listed)
    assert [name for name, option in SECTION["options"].items() if option["sensitive"]] == ["client_secret"]
