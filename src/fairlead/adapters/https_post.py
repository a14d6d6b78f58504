"""Posts JSON to one address: no redirects, no retries, a bound on the time."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import threading
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from fairlead.errors import DeliveryError, SettingsError

TIMEOUT_S = 10.0
"""For one delivery as a whole."""


class Post:
    """Where something is posted.

    Args:
        sink: name of the sink, for errors, which never tell the address: it may hold a secret.
        setting: that names the address.
        address: `https:`, or `http:` on this machine, or anywhere if `plain` is allowed.
        plain: whether `http:` to another machine is allowed.
        timeout_s: for one delivery as a whole.

    Raises:
        SettingsError: the address is none of these.
    """

    def __init__(
        self, sink: str, setting: str, address: str, *, plain: bool, timeout_s: float = TIMEOUT_S
    ) -> None:
        parts = urlsplit(address)
        fault = _fault(parts, plain=plain)
        if fault is not None:
            raise SettingsError((f"{setting}: {fault}",))
        self._sink = sink
        self._parts = parts
        self._timeout_s = timeout_s

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post once.

        Args:
            path: after the address' own path.
            body: JSON.
            headers: beside its type.

        Raises:
            DeliveryError: no connection, no answer in time, or another status than 2xx.
        """
        target = (self._parts.path.rstrip("/") + path) or "/"
        if self._parts.query:
            target += f"?{self._parts.query}"
        connection = self._connection()
        # A receiver that answers a byte at a time would reset the socket's own timeout.
        alarm = threading.Timer(self._timeout_s, _hang_up, (connection,))
        alarm.daemon = True
        alarm.start()
        try:
            connection.request(
                "POST", target, body, {"Content-Type": "application/json", **headers}
            )
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            why = f"no answer ({type(error).__name__})"
            raise DeliveryError(self._sink, why) from error
        finally:
            alarm.cancel()
            connection.close()
        if not 200 <= status < 300:
            raise DeliveryError(self._sink, f"it answered {status}")

    def _connection(self) -> http.client.HTTPConnection:
        kind = (
            http.client.HTTPSConnection
            if self._parts.scheme == "https"
            else http.client.HTTPConnection
        )
        return kind(str(self._parts.hostname), self._parts.port, timeout=self._timeout_s)


def _hang_up(connection: http.client.HTTPConnection) -> None:
    held: socket.socket | None = connection.sock
    if held is not None:
        try:
            held.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended by itself
            return


def _fault(parts: SplitResult, *, plain: bool) -> str | None:
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "found no port number, expected one from 0 to 65535"
    if parts.scheme not in ("http", "https") or not host:
        return "found no address, expected one such as https://host/path"
    if parts.username is not None or parts.password is not None:
        return "found a user or a password in the address, expected none"
    if parts.scheme == "http" and not plain and not _is_here(host):
        return (
            "found http: to another machine, expected https: "
            "(FAIRLEAD_ALERT_PLAIN_HTTP=true allows it)"
        )
    return None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
