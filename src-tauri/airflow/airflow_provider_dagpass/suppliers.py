"""Token suppliers in the shapes that other providers call: Databricks and Kafka.

Decides from a name or a line of configuration whose token is meant. Keeps none.

Databricks takes the dotted path of a function without arguments, so that the path itself says whose
token it gives: ``airflow_provider_dagpass.suppliers.connection_<conn_id>``, ``….profile_<name>``, or
``….federated_token`` for the default profile.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from airflow_provider_dagpass import tokens
from airflow_provider_dagpass.errors import DagpassError

_NAMED = re.compile(r"(connection|profile)_(.+)")
#: What ``sasl.oauthbearer.config`` may name.
_KAFKA_WORDS = ("profile", "connection", "resource", "env")


def federated_token() -> str:
    """Databricks, extra ``federated_token_provider``: the subject token of its RFC 8693 exchange."""
    return str(tokens.answer()["access_token"])


def kafka_oauth_cb(config: str) -> tuple[str, float]:
    """Kafka, extra ``oauth_cb``: the token and its end in seconds since the epoch.

    ``config`` is ``sasl.oauthbearer.config``: ``connection=ID`` or ``profile=NAME``, with blanks or
    commas between; empty for the default profile. librdkafka asks again at four fifths of the life.
    """
    found = tokens.answer(**_words(config))
    return str(found["access_token"]), float(found["expires_at"])


def __getattr__(name: str) -> Callable[[], str]:
    named = _NAMED.fullmatch(name)
    if named is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    ask = {named[1]: named[2]}

    def token() -> str:
        return str(tokens.answer(**ask)["access_token"])

    return token


def _words(config: str) -> dict[str, Any]:
    pairs = [word.partition("=") for word in re.split(r"[,\s]+", config or "") if word]
    for key, equals, value in pairs:
        if not equals or not value or key not in _KAFKA_WORDS:
            text = f"sasl.oauthbearer.config does not take `{key}`"
            raise DagpassError("invalid_request", text, hint=f"it takes {', '.join(_KAFKA_WORDS)}")
    return {key: value for key, _, value in pairs}
