"""Asks a running service to change what it serves, by its admin routes."""

from __future__ import annotations

import ipaddress
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from fairlead.errors import FairleadError
from fairlead.registry.traffic import Traffic

TIMEOUT_S = 30
SHOWN = 2000


@dataclass(eq=False)
class ServiceError(FairleadError):
    """A running service does not do what was asked of it."""

    code: ClassVar[str] = "service"
    url: str
    reason: str

    def __str__(self) -> str:
        return f"{self.url}: {self.reason}"


def put_traffic(
    url: str, token: str | None, traffic: Traffic, model: str | None = None, reason: str = ""
) -> dict[str, Any]:
    """Set the traffic of a model of a running service, in all its workers.

    Args:
        url: address of the service.
        token: its admin token.
        traffic: its routes and their shares; the routes must be served already.
        model: which model; the default one if None.
        reason: why, for the service's ledger.

    Returns:
        What the service answers.

    Raises:
        ServiceError: it cannot be reached, or refuses.
    """
    if not token:
        raise ServiceError(url, "expected its admin token in FAIRLEAD_ADMIN_TOKEN, found none")
    path = f"/admin/models/{quote(model or _default_model(url), safe='')}/traffic"
    return _ask(url, path, token, {**traffic.to_json(), "reason": reason})


def get_traffic(url: str, model: str | None = None) -> dict[str, Any]:
    """The traffic of a model of a running service.

    Raises:
        ServiceError: it cannot be reached, or has no such model.
    """
    return _ask(url, f"/models/{quote(model or _default_model(url), safe='')}/traffic")


def get_metrics(url: str) -> str:
    """What a running service has counted, in Prometheus' text format.

    Raises:
        ServiceError: it cannot be reached, or does not tell.
    """
    return _answer(url, "/metrics").decode(errors="replace")


def _default_model(url: str) -> str:
    model = _ask(url, "/version").get("model")
    if not isinstance(model, str):
        raise ServiceError(url, "is no service of Fairlead, or serves nothing")
    return model


def _ask(
    url: str, path: str, token: str | None = None, document: dict[str, Any] | None = None
) -> dict[str, Any]:
    """GET a document, or PUT one with a token, and read the answer."""
    address = url.rstrip("/") + path
    try:
        found = json.loads(_answer(url, path, token, document))
    except ValueError:
        raise ServiceError(url, "the answer is not what it must be") from None
    if not isinstance(found, dict):
        raise ServiceError(address, "expected a JSON object as the answer")
    return found


def _answer(
    url: str, path: str, token: str | None = None, document: dict[str, Any] | None = None
) -> bytes:
    address = url.rstrip("/") + path
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServiceError(url, "expected an address such as http://127.0.0.1:8000")
        headers = {"Accept": "application/json"}
        body = None
        if document is not None and token is not None:
            body = json.dumps(document).encode()
            headers |= {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(  # noqa: S310 (the scheme was checked)
            address, body, headers, method="GET" if body is None else "PUT"
        )
        with _opener(parts.hostname).open(request, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise ServiceError(address, f"{error.code}: {_detail(error)}") from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or error
        raise ServiceError(url, f"cannot be reached: {reason}") from None
    except (ValueError, HTTPException):
        # Their texts may hold the token.
        raise ServiceError(
            url, "the address, the token or the answer is not what it must be"
        ) from None
    return content


def _opener(host: str) -> urllib.request.OpenerDirector:
    """A token for this machine must not travel through a proxy."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    handlers = [urllib.request.ProxyHandler({})] if local else []
    return urllib.request.build_opener(*handlers)


def _detail(error: urllib.error.HTTPError) -> str:
    """What a service says of a refusal, in words."""
    try:
        detail = json.loads(error.read(SHOWN))["detail"]
    except (OSError, ValueError, LookupError, TypeError, HTTPException):
        return error.reason
    if isinstance(detail, list):
        return "; ".join(str(each.get("msg", each)) for each in detail if isinstance(each, dict))
    return str(detail)
