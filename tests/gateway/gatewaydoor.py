"""The gateway's front door: who may come in, what a request must hold, and the pages and errors that say no."""

from __future__ import annotations

import json
from typing import Any

from gatewaystate import Account, Gateway

PAGE = b"""
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
"""
TOO_LARGE = b"""<html>
<head><title>413 Request Entity Too Large</title></head>
<body>
<center><h1>413 Request Entity Too Large</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""
_EFFORTS = ("low", "medium", "high")


class Problem(Exception):  # noqa: N818
    """An answer that is an error: status and body."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        super().__init__()


def error(status: int, code: str, message: str, **info: Any) -> Problem:
    return Problem(status, {"error": {"code": code, "message": message, "info": info}})


def login(gateway: Gateway, header: str | None) -> Account:
    """The account of the token, or the error that the real gateway gives."""
    old = gateway.era == "2026-03"
    if not header:
        detail = "Error: Missing ('Authorization': 'Bearer <your-access-token>') in request headers."
        raise Problem(400 if old else 401, {"detail": detail})
    kind, _, token = header.partition(" ")
    if not token or " " in token:
        raise error(401, "unauthorized", "Auth only allows header type Authorization: Bearer <token>.")
    if kind != "Bearer":
        raise error(401, "unauthorized", "Authorization type should be Bearer.")
    account = gateway.accounts.get(token, Account(state="inactive"))
    again = "please logout from Globus by visiting https://app.globus.org/logout and re-authenticate with the following command: 'python3 inference_auth_token.py authenticate --force'."
    refusals = {
        "inactive": (401, "Token is either not active or invalid"),
        "expired": (401, "Access token expired."),
        "domain": (
            403 if old else 401,
            f"Error: Permission denied. Must authenticate with anl.gov, alcf.anl.gov. Currently authenticated as A User (user@example.org). If you are passing an access token directly to this API, {again}",
        ),
        "policy": (
            403 if old else 401,
            f"Error: Permission denied from internal policies. This is likely due to a high-assurance timeout. {again}",
        ),
        "outside": (403 if old else 401, "Error: User is not a member of an allowed Globus Group."),
    }
    if account.state in refusals:
        status, message = refusals[account.state]
        raise error(status, "unauthorized", message)
    if gateway.throttled(token):
        raise Problem(429, {"detail": "Too many requests."})
    return account


def fields(data: bytes) -> dict[str, Any]:
    """The request's body, when its fields are those of the API."""
    try:
        body = json.loads(data)
    except ValueError:
        raise Problem(400, {"detail": "Cannot parse request body"}) from None
    bad = (
        not isinstance(body, dict)
        or not isinstance(body.get("model"), str)
        or ("messages" not in body and "input" not in body and "prompt" not in body)
        or ("messages" in body and not _messages(body["messages"]))
        or body.get("reasoning_effort", "low") not in _EFFORTS
        or not 0 <= float(body.get("temperature") or 0) <= 2
    )
    if bad:
        raise Problem(422, {"detail": "Invalid FIRST control fields."})
    return body


def _messages(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(entry, dict) and "role" in entry for entry in value)
    )
