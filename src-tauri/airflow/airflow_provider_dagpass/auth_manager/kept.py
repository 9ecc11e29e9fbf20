"""One JSON document, kept while it is fetched anew; what is remembered for a while; and how often something
may be asked.

Decides when a fetch begins and who waits for it: nobody, while what is kept still serves. A fetch has a
thread of its own, so that a Ping that does not answer holds no request's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from airflow_provider_dagpass.auth_manager.refusal import PingAway

log = logging.getLogger(__name__)

#: After how long does a use have it fetched again? A key that Ping took back counts until that has landed.
FRESH_SECONDS = 3600.0
#: How long does it serve on while Ping is away?
LAST_SECONDS = 4 * FRESH_SECONDS
#: How soon after the end of a failed fetch is the next one?
RETRY_SECONDS = 5.0
#: How long does somebody wait for a fetch?
PATIENCE_SECONDS = 5.0
#: After how long is a fetch given up that neither ends nor fails (a server that drips)?
GIVEN_UP_SECONDS = 60.0

Clock = Callable[[], float]
#: A fetch on its way: True once it brought something.
Flight = Future[bool]


class Kept:
    """For any number of threads; of its fetches there is one at a time."""

    def __init__(self, fetch: Callable[[], dict[str, Any]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._value: dict[str, Any] | None = None
        self._fetched = self._failed = self._began = -LAST_SECONDS
        self._brought_nothing = False
        self._flight: Flight | None = None

    def value(self) -> dict[str, Any]:
        """What is kept; waits where there is nothing that serves."""
        wait(self.flight())
        return self.at_hand()

    def at_hand(self) -> dict[str, Any]:
        """What is kept, without waiting for anything."""
        with self._lock:
            if self._value is None or self._age() > LAST_SECONDS:
                raise PingAway("what Ping publishes could not be fetched")
            return self._value

    def flight(self) -> Flight | None:
        """What a person without anything that serves has to wait for. A renewal that is due begins, and
        is nobody's to wait for."""
        with self._lock:
            age = self._age()
            if self._value is not None and age <= FRESH_SECONDS:
                return None
            flight = self._airborne(lambda: True)
            return flight if self._value is None or age > LAST_SECONDS else None

    def renewal(self, may_begin: Callable[[], bool]) -> Flight | None:
        """The fetch that is on its way, else a new one; ``None`` where none may begin now."""
        with self._lock:
            return self._airborne(may_begin)

    def has_failed(self) -> bool:
        """Did the last fetch bring nothing?"""
        with self._lock:
            return self._brought_nothing

    def _age(self) -> float:
        return self._clock() - self._fetched

    def _airborne(self, may_begin: Callable[[], bool]) -> Flight | None:
        now = self._clock()
        if self._flight is not None and now - self._began < GIVEN_UP_SECONDS:
            return self._flight
        if now - self._failed < RETRY_SECONDS or not may_begin():
            return None
        flight: Flight = Future()
        self._flight, self._began = flight, now
        threading.Thread(target=self._fly, args=(flight,), name="dagpass-fetch", daemon=True).start()
        return flight

    def _fly(self, flight: Flight) -> None:
        value = None
        try:
            value = self._fetch()
        except PingAway as error:
            log.warning("%s", error)
        except Exception:
            log.exception("what Ping publishes could not be read")
        with self._lock:
            self._brought_nothing = value is None
            # Stamped at its end: a fetch that took long was not "just now" when it began.
            if value is None:
                self._failed = self._clock()
            else:
                self._value, self._fetched = value, self._clock()
            if self._flight is flight:
                self._flight = None
        flight.set_result(value is not None)


class Bucket:
    """So many at once, and one more every so many seconds."""

    def __init__(self, most: int, seconds: float, clock: Clock) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._left = float(most)
        self._at = clock()

    def take(self) -> bool:
        with self._lock:
            self._fill()
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def is_empty(self) -> bool:
        with self._lock:
            self._fill()
            return self._left < 1

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) / self._seconds)
        self._at = now


class Memory:
    """The last so many things, each for so many seconds."""

    def __init__(self, most: int, seconds: float, clock: Clock) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[float, Any]] = {}

    def keep(self, key: bytes, value: Any = True) -> None:
        with self._lock:
            self._kept.pop(key, None)
            if len(self._kept) >= self._most:
                # The oldest: a dictionary keeps the order in which things came.
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (self._clock() + self._seconds, value)

    def find(self, key: bytes) -> Any:
        """``None`` for what is not remembered, or no longer."""
        with self._lock:
            until, value = self._kept.get(key, (0.0, None))
            if value is not None and self._clock() >= until:
                del self._kept[key]
                return None
            return value

    def forget(self, key: bytes) -> None:
        with self._lock:
            self._kept.pop(key, None)


def wait(flight: Flight | None) -> None:
    if flight is None:
        return
    try:
        flight.result(PATIENCE_SECONDS)
    except NotYet:
        raise PingAway("Ping does not answer") from None
