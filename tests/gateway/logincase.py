"""What a login program of the services does, with the real globus-sdk: take the stored login, renew it, give the token.

Run by tests with the interpreter of an environment that has globus-sdk, HOME and GLOBUS_SDK_SERVICE_URL_AUTH set.
"""

from __future__ import annotations

import sys
import time

import globus_sdk

CLIENT, SERVER = "58fdd3bc-e1c3-4ce5-80ea-8d6b87cfb944", "681c10cc-f684-4540-bcd7-0b4df3bc26ef"


def store(path: str, expires_in: int, refresh_token: str | None) -> None:
    """A login as globus-sdk itself stores it."""
    from globus_sdk.token_storage import JSONTokenStorage, TokenStorageData

    data = TokenStorageData(
        resource_server=SERVER,
        identity_id=None,
        scope=f"https://auth.globus.org/scopes/{SERVER}/action_all",
        access_token="storedAccessToken",
        refresh_token=refresh_token,
        expires_at_seconds=int(time.time()) + expires_in,
        token_type="Bearer",
    )
    JSONTokenStorage(path).store_token_data_by_resource_server({SERVER: data})


def give() -> str:
    """The access token, renewed when it has expired."""
    config = globus_sdk.GlobusAppConfig(request_refresh_tokens=True)
    scopes = {SERVER: [f"https://auth.globus.org/scopes/{SERVER}/action_all"]}
    app = globus_sdk.UserApp("inference_app", client_id=CLIENT, scope_requirements=scopes, config=config)
    authorizer = app.get_authorizer(SERVER)
    authorizer.ensure_valid_token()
    return authorizer.access_token


if __name__ == "__main__":
    if sys.argv[1] == "store":
        store(sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None)
    else:
        print(give())
