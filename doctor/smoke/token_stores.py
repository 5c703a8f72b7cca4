"""The stores in which the login programs of the services keep access tokens, read as files.

Nothing is imported, refreshed or written: whether a client will get in can be said from the file alone, and the rest
the service says itself. Formats: globus-sdk's ``tokens.json`` (``format_version`` "2.0"), the bash twin's flat object,
and a file with nothing but a token in it.
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESOURCE_SERVER = "681c10cc-f684-4540-bcd7-0b4df3bc26ef"
"""The gateway's client id at Globus, under which a store keeps the token for it."""
_LARGEST = 1024 * 1024
_FORMATS = ("2.0",)
_IDLE_LIMIT = 182 * 86400.0  # a refresh token dies after six months without use


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where one program keeps its login (``path`` below the home directory), and its commands.

    ``clients`` are distributions that look nowhere else.
    """

    name: str
    title: str
    path: str
    login: str
    renew: str
    clients: tuple[str, ...] = ()


STORES = (
    Store(
        name="script",
        title="inference_auth_token.py",
        path=".globus/app/58fdd3bc-e1c3-4ce5-80ea-8d6b87cfb944/inference_app/tokens.json",
        login="python inference_auth_token.py authenticate --force",
        renew="python inference_auth_token.py get_access_token",
    ),
    Store(
        name="alcf-tokens",
        title="alcf-tokens",
        path=".globus/app/7f3e61f5-e0de-4e8f-9150-0a62c65dda63/alcf_tokens/tokens.json",
        login="alcf-tokens login inference",
        renew="alcf-tokens get-token inference",
        clients=("alcf-ai", "alcf-tokens"),
    ),
    Store(
        name="bash",
        title="inference_auth_token.sh",
        path=".globus/app/58fdd3bc-e1c3-4ce5-80ea-8d6b87cfb944/inference_app/tokens-bash.json",
        login="./inference_auth_token.sh authenticate",
        renew="./inference_auth_token.sh get_access_token",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReading:
    """What one place says about the login.

    ``state``: ``valid``, ``expired``, ``absent``, ``unreadable`` (no permission, not a file), ``damaged`` (no JSON),
    ``format`` (another program's or release's), ``service`` (a login, but not for this service), ``empty`` (no token in
    it), ``characters`` (blanks or line ends within the token). ``expires_at``: seconds since 1970, None when the place
    does not say. ``refreshable``: a refresh token is there; ``idle``: seconds since the file was written.
    ``padded``: blanks or line ends around the token; ``open_to_others``: other users can read the file.
    """

    place: str
    state: str
    store: Store | None = None
    value: str = field(default="", repr=False)
    expires_at: float | None = None
    refreshable: bool = False
    idle: float = 0.0
    padded: bool = False
    open_to_others: bool = False
    detail: str = ""

    @property
    def usable(self) -> bool:
        """A request can be sent with it."""
        return self.state == "valid"

    @property
    def dead(self) -> bool:
        """Expired, and nothing is left that could renew it."""
        return self.state == "expired" and (not self.refreshable or self.idle > _IDLE_LIMIT)


def read_stores(home: str, now: float) -> tuple[TokenReading, ...]:
    """What every known store says, in the order of ``STORES``."""
    return tuple(read_token_file(str(Path(home) / store.path), now, store) for store in STORES)


def read_token_file(path: str, now: float, store: Store | None = None) -> TokenReading:
    """What a file says: a store, or a file with a bare token; never raises."""
    file = Path(path)
    try:
        facts = file.stat()
        if not stat.S_ISREG(facts.st_mode):
            return TokenReading(place=path, state="unreadable", store=store, detail="it is not a file")
        with file.open("rb") as stream:
            raw = stream.read(_LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return TokenReading(place=path, state="absent", store=store)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return TokenReading(place=path, state="unreadable", store=store, detail=reason)
    around: dict[str, Any] = {
        "place": path,
        "store": store,
        "idle": max(0.0, now - facts.st_mtime),
        "open_to_others": bool(facts.st_mode & 0o077),
    }
    return _understood(raw.decode("utf-8", "replace"), now, around, bare=store is None)


def bare_token(text: str, place: str) -> TokenReading:
    """A token that stands by itself: in a variable or in a file without anything else."""
    return _bare(text, {"place": place})


def _bare(text: str, around: dict[str, Any]) -> TokenReading:
    value = text.strip()
    if not value:
        return TokenReading(**around, state="empty")
    if not value.isascii() or any(character.isspace() or not character.isprintable() for character in value):
        return TokenReading(**around, state="characters")
    return TokenReading(**around, state="valid", value=value, padded=value != text.removesuffix("\n"))


def _understood(text: str, now: float, around: dict[str, Any], *, bare: bool) -> TokenReading:
    """The reading of a file's text."""
    if not text.strip() or (bare and not text.lstrip().startswith("{")):
        return _bare(text, around)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return TokenReading(**around, state="damaged")
    data = data if isinstance(data, dict) else {}
    if "access_token" in data and "expires_at" in data:
        return _from_entry(data, now, around)
    version = data.get("format_version")
    if version not in _FORMATS:
        return TokenReading(**around, state="format", detail=f"format_version={str(version)[:20]}")
    return _from_globus(data, now, around)


def _from_globus(data: dict[str, Any], now: float, around: dict[str, Any]) -> TokenReading:
    """globus-sdk's store: namespaces (``DEFAULT``), in each the resource servers."""
    spaces = data.get("data")
    spaces = spaces if isinstance(spaces, dict) else {}
    entries = [
        space[RESOURCE_SERVER] for space in spaces.values() if isinstance(space, dict) and RESOURCE_SERVER in space
    ]
    entry = next((entry for entry in entries if isinstance(entry, dict)), None)
    if entry is None:
        empty = not any(spaces.values())
        return TokenReading(**around, state="empty" if empty else "service")
    return _from_entry(entry, now, around)


def _from_entry(entry: dict[str, Any], now: float, around: dict[str, Any]) -> TokenReading:
    """One login: an access token, until when it lives, perhaps what renews it."""
    expiry = entry.get("expires_at_seconds", entry.get("expires_at"))
    known = isinstance(expiry, int | float) and not isinstance(expiry, bool)
    expires_at = float(expiry) if known and expiry is not None else None
    token = entry.get("access_token")
    reading = _bare(token if isinstance(token, str) else "", around)
    if not reading.usable:
        return reading
    return TokenReading(
        **around,
        state="valid" if expires_at is None or expires_at > now else "expired",
        value=reading.value,
        padded=reading.padded,
        expires_at=expires_at,
        refreshable=bool(entry.get("refresh_token")),
    )
