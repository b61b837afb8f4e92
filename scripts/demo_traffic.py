"""Sends the running demo the calls of an hour in about a minute: what `arbiter workload` makes up, each at its time."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CALLS = os.environ.get("CALLS") or "900"
SECONDS = float(os.environ.get("SECONDS") or 60)
CALLERS = 16
"""Calls at a time."""


def workload():
    """The calls of an hour, in order."""
    command = [
        ROOT / "dist" / "arbiter",
        "workload",
        "--hours",
        "1",
        "--calls",
        CALLS,
        "--seed",
        os.environ.get("SEED") or "1",
    ]
    made = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(made.stderr.strip())
    return [json.loads(line) for line in made.stdout.splitlines()]


def send(port, call, begin, first):
    """One call at its time, an hour being `SECONDS` long; its status."""
    due = begin + (call["time"] - first) / 3600 * SECONDS
    time.sleep(max(due - time.monotonic(), 0))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"content-type": "application/json", **call["headers"]}
        connection.request("POST", "/v1/chat/completions", json.dumps(call["body"]), headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def main():
    port = int(os.environ.get("PORT") or 10000)
    calls = workload()
    begin, first = time.monotonic(), calls[0]["time"]
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
        try:
            statuses = list(callers.map(lambda call: send(port, call, begin, first), calls))
        except ConnectionRefusedError:
            sys.exit(f"demo-traffic: nothing listens on 127.0.0.1:{port}; start `make run` in another terminal first")
    answered = sum(status == 200 for status in statuses)
    console = os.environ.get("CONSOLE_PORT") or "9902"
    print(f"{answered} of {len(calls)} calls answered; what they cost and saved: http://127.0.0.1:{console}/")


if __name__ == "__main__":
    main()
