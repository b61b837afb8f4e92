"""aimock, a stand-in that speaks the providers' APIs as they are."""

import json
import os
import pathlib
import re
import subprocess

import httpx

from e2e.waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("LLMOCK") or str(ROOT / ".local" / "standins" / "node_modules" / ".bin" / "llmock")


class Llmock:
    """A running `llmock` that answers only what `replies` hold: part of the user message -> (text, usage), or the response
    part of a fixture. `options` are added to its command line."""

    def __init__(self, directory, replies, *options):
        directory.mkdir(parents=True, exist_ok=True)
        fixtures = directory / "fixtures.json"
        fixtures.write_text(
            json.dumps(
                {
                    "fixtures": [
                        {"match": {"userMessage": part}, "response": _response(reply)}
                        for part, reply in replies.items()
                    ]
                }
            )
        )
        self._log = directory / "llmock.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [COMMAND, "--port", "0", "--fixtures", str(fixtures), "--strict", *options], stdout=log, stderr=log
            )
        try:
            self.port = until(self._listening, lambda: f"llmock: {self._log.read_text()}", 30)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._process.terminate()
        self._process.wait(10)

    def journal(self):
        """Every request that came, with its parsed body and headers."""
        return httpx.get(f"http://127.0.0.1:{self.port}/__aimock/journal", trust_env=False).json()

    def _listening(self):
        if self._process.poll() is not None:
            raise ChildProcessError(self._log.read_text())
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self._log.read_text())
        return found and int(found[1])


def _response(reply):
    if isinstance(reply, dict):
        return reply
    text, usage = reply
    return {"content": text, "usage": usage}
