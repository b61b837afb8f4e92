"""nginx as a provider that answers at once."""

import json
import pathlib
import socket
import subprocess

from e2e import chat
from e2e.waiting import until

CONFIG = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_max_body_size 8m;
    client_body_buffer_size 64k;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        default_type {media_type};
        {parts}
        location / {{ return 200 "{names}"; }}
    }}
}}
"""

EVENTS = 40
"""Events of a streamed answer, beside its end and its usage."""


def stream():
    """A streamed answer."""
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "served-model"}
    choices = [[{"index": 0, "delta": {"content": " word"}, "finish_reason": None}]] * EVENTS
    choices.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    events = [json.dumps({**chunk, "choices": each, "usage": None}) for each in choices]
    events.append(json.dumps({**chunk, "choices": [], "usage": chat.USAGE}))
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])


LONGEST_WORD = 3000
"""nginx takes no longer words in its configuration than 4096 bytes."""

ANSWER = json.dumps(chat.completion("Foxes are quick, dogs are lazy, and both are asked about too often. " * 6))


class Nginx:
    """A running nginx of one worker on a free port of 127.0.0.1."""

    def __init__(self, directory: pathlib.Path, answer=ANSWER, media_type="application/json"):
        directory.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = directory / "nginx.conf"
        parts = [answer[at : at + LONGEST_WORD] for at in range(0, len(answer), LONGEST_WORD)]
        values = {
            "parts": "\n        ".join(f"set $part{number} '{part}';" for number, part in enumerate(parts)),
            "names": "".join(f"$part{number}" for number in range(len(parts))),
        }
        config.write_text(CONFIG.format(directory=directory, port=self.port, media_type=media_type, **values))
        self._process = subprocess.Popen(["nginx", "-c", str(config), "-e", str(directory / "nginx.log")])
        until(self._listening, "nginx to listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)

    def _listening(self):
        if self._process.poll() is not None:
            raise ChildProcessError("nginx ended at once; see its message above")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
