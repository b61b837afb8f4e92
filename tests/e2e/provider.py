"""A provider that answers by script and remembers every byte that it received.

Real stand-ins answer plausibly; this one answers exactly what a test says, when the test says so.
"""

import collections
import contextlib
import dataclasses
import json
import socket
import struct
import threading

from e2e.waiting import PATIENCE


@dataclasses.dataclass
class Received:
    """One request as it came."""

    line: str
    raw_headers: list
    body: bytes

    @property
    def method(self):
        return self.line.split(" ")[0]

    @property
    def path(self):
        return self.line.split(" ")[1]

    @property
    def headers(self):
        """The headers, names in lower case; of repeated ones, the last."""
        return {name.lower(): value for name, value in self.raw_headers}

    @property
    def json(self):
        return json.loads(self.body)


class Gate:
    """Where a scripted answer waits until the test opens it."""

    def __init__(self):
        self._reached = threading.Event()
        self._opened = threading.Event()

    def open(self):
        self._opened.set()

    def is_open(self):
        return self._opened.is_set()

    def wait_reached(self):
        """Waits until the provider has sent all that stands before the gate."""
        if not self._reached.wait(PATIENCE):
            raise TimeoutError("the provider never came to the gate")

    def pass_through(self, closed):
        self._reached.set()
        while not self._opened.wait(0.05):
            if closed.is_set():
                raise ConnectionError("the provider was stopped at a gate")


class Exchange:
    """What a script can do with one connection."""

    def __init__(self, connection, received, closed):
        self.received = received
        self.closed = closed
        self._connection = connection

    def send(self, data):
        self._connection.sendall(data)

    def reset(self):
        """Ends the connection with RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionError("reset by script")

    def hang_up(self):
        raise ConnectionError("closed by script")


class Provider:
    """Listens on a port of 127.0.0.1, a free one unless it is given. `answer` is the script for every request that no `then` is left for."""

    def __init__(self, answer, port=0):
        self.answer = answer
        self.received = []
        self._default = answer
        self._scripts = collections.deque()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._threads = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def then(self, *scripts):
        """Scripts for the next requests, one each."""
        self._scripts.extend(scripts)

    def forget(self):
        """As if just started: nothing received, nothing scripted."""
        self.received.clear()
        self._scripts.clear()
        self.answer = self._default

    @property
    def only(self):
        """The one request that came."""
        assert len(self.received) == 1, f"{len(self.received)} requests came, not one"
        return self.received[0]

    def wait_for(self, count):
        """Waits until `count` requests have come."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.received) >= count, PATIENCE):
                raise TimeoutError(f"{len(self.received)} requests came, not {count}")

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = _Reader(connection, self._closed)
        with connection, contextlib.suppress(OSError):
            while (received := reader.request()) is not None:
                with self._changed:
                    self.received.append(received)
                    self._changed.notify_all()
                script = self._scripts.popleft() if self._scripts else self.answer
                script(Exchange(connection, received, self._closed))


class _Reader:
    """Reads HTTP/1.1 requests off a connection."""

    def __init__(self, connection, closed):
        connection.settimeout(0.1)
        self._connection = connection
        self._closed = closed
        self._buffer = b""

    def request(self):
        """The next request; None when the other side has gone."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = [tuple(part.strip() for part in header.split(":", 1)) for header in rest]
        found = {name.lower(): value for name, value in headers}
        if found.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self._exactly(int(found.get("content-length", 0)))
        return None if body is None else Received(line, headers, body)

    def _chunks(self):
        body = b""
        while (size := self._until(b"\r\n")) is not None:
            length = int(size.split(b";")[0], 16)
            chunk = self._exactly(length + 2)
            if chunk is None:
                return None
            if length == 0:
                return body
            body += chunk[:-2]
        return None

    def _until(self, mark):
        while mark not in self._buffer:
            if not self._more():
                return None
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, length):
        while len(self._buffer) < length:
            if not self._more():
                return None
        found, self._buffer = self._buffer[:length], self._buffer[length:]
        return found

    def _more(self):
        while not self._closed.is_set():
            try:
                data = self._connection.recv(65536)
            except TimeoutError:
                continue
            self._buffer += data
            return bool(data)
        return False


def answer(body, status=200, content_type="application/json", headers=()):
    """A complete answer with a length."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Scripted", f"content-type: {content_type}", f"content-length: {len(data)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers)])
    return lambda exchange: exchange.send(head.encode() + b"\r\n\r\n" + data)


def failure(status, message="scripted failure"):
    """An error as OpenAI shapes it."""
    return answer({"error": {"message": message, "type": "server_error", "param": None, "code": None}}, status)


def reset(exchange):
    """No answer: the connection breaks after the request."""
    exchange.reset()


def hang(exchange):
    """No answer, ever."""
    Gate().pass_through(exchange.closed)


def stream(*pieces, complete=True, trailers=b"", content_type=b"text/event-stream"):
    """A streamed answer, each piece of bytes as a chunk of its own; at a `Gate` it waits. Not `complete`: the
    connection breaks after the last piece. `trailers` are lines, each with its end."""

    def script(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n" % content_type)
        for piece in pieces:
            if isinstance(piece, Gate):
                piece.pass_through(exchange.closed)
            else:
                exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        if not complete:
            exchange.hang_up()
        exchange.send(b"0\r\n%s\r\n" % trailers)

    return script


@contextlib.contextmanager
def refused_port():
    """A port of 127.0.0.1 that refuses connections for as long as the block runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
