"""Requests as bytes, for what no HTTP client would send."""

import contextlib
import socket


def connect(gateway):
    host, port = gateway.envoy.address.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def all_of(connection):
    """What comes until Envoy closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


def raw(gateway, request):
    """What comes back for these bytes, until Envoy closes the connection."""
    with connect(gateway) as connection:
        connection.sendall(request)
        return all_of(connection)
