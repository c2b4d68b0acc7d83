"""Who may talk to the server: only the page that it has itself handed out."""

from __future__ import annotations

import hmac
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

_LONGEST = 2048  # characters of an address
_UNTOLD = 80  # the port that clients leave out of `Host` and `Origin`


class RefusedError(Exception):
    """A request that is not answered.

    Attributes:
        status: what it gets instead.
    """

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Guard:
    """Checks requests before anything is done for them.

    The address holds a secret, so that no other user and no other page of this machine
    can ask. A page elsewhere that has its own name point to this machine (DNS rebinding)
    sends that name as `Host`, and is refused by it.

    Args:
        port: the server's.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        names = ("127.0.0.1", "localhost")
        told = tuple(f"{name}:{port}" for name in names)
        self._hosts = names + told if port == _UNTOLD else told

    def admit(self, method: str, path: str, headers: Message) -> str:
        """What is asked for, the part of the address after the secret.

        Raises:
            RefusedError: the request is none of ours.
        """
        if method != "GET":
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "there is nothing but GET here")
        if len(path) > _LONGEST:
            raise RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG, "the address is too long")
        self._require_ours(headers)
        token, slash, rest = path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(errors="replace"), self.token.encode()):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "wrong address; open the one that vdiff preview printed"
            )
        if not slash:
            raise RefusedError(HTTPStatus.NOT_FOUND, "the address ends with a slash")
        return rest

    def _require_ours(self, headers: Message) -> None:
        hosts = headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST, f"this is {self._hosts[0]} and no other host"
            )
        origins = {f"http://{host}" for host in self._hosts}
        if any(origin.lower() not in origins for origin in headers.get_all("Origin", [])):
            raise RefusedError(HTTPStatus.FORBIDDEN, "other pages may not ask")
