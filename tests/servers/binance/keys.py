"""API keys, what each may do, and the check of a signed request."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from tests.servers.binance.words import Refusal

RIGHTS = frozenset({"read", "spot", "futures", "withdraw", "transfer"})
_LONGEST_WINDOW = 60_000


@dataclass(slots=True)
class Key:
    """A key of an account; rights and the permitted address may change while it is used."""

    name: str
    secret: str
    account: str
    rights: set[str]
    restricted: bool = True
    """Whether it is bound to certain addresses."""
    refused: bool = False
    """Answer as if the caller's address were not one of them."""


class Keyring:
    """Every key the exchange knows."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}

    def add(self, name: str, secret: str, *rights: str, account: str = "main") -> Key:
        """Make a key with the rights, or with reading and trading everywhere."""
        granted = set(rights) or {"read", "spot", "futures"}
        assert granted <= RIGHTS, granted - RIGHTS
        self.keys[name] = Key(name, secret, account, granted)
        return self.keys[name]

    def find(self, name: str | None, right: str | None) -> Key:
        """Return the key of a request that has the right, or refuse."""
        if not name:
            raise Refusal(-2014, "API-key format invalid.", 401)
        key = self.keys.get(name)
        if key is None or key.refused or (right is not None and right not in key.rights):
            raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return key


def check_time(timestamp: int, window: int, now: int) -> None:
    """Refuse a request signed too long ago or ahead of the server's time."""
    if window > _LONGEST_WINDOW:
        raise Refusal(-1131, "recvWindow must be less than 60000.")
    if timestamp >= now + 1_000:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - timestamp > window:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def check_signature(key: Key, payload: str, signature: str) -> None:
    """Refuse a request whose signature does not belong to exactly this payload."""
    expected = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature.lower()):
        raise Refusal(-1022, "Signature for this request is not valid.")
