"""The demo: Envoy with the filter, in front of stand-in providers on loopback or the real ones where a key is set.

Everything that it starts it also stops, on Ctrl-C or when one of them ends. Files of a run lie in .run/PORT/.
"""

import contextlib
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN = ROOT / ".run" / (os.environ.get("PORT") or "10000")
DEMO = ROOT / "envoy" / "demo"
LLMOCK = ROOT / ".local" / "standins" / "node_modules" / ".bin" / "llmock"
TOKEN = "ARBITER_CONSOLE_TOKEN"
PORTS = {"PORT": "10000", "ADMIN_PORT": "9901", "CONSOLE_PORT": "9902"}
PATIENCE = 60.0
"""Seconds that a process may take to get ready."""


class RunError(Exception):
    """Why the demo cannot run, and what to do."""


def port_of(variable, default):
    text = os.environ.get(variable) or default
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise RunError(f"{variable}={text} is no port; choose one between 1 and 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except PermissionError:
            raise RunError(f"port {text} is for root alone; try make run {variable}={int(text) + 10000}") from None
        except OSError:
            raise RunError(f"port {text} is in use; try make run {variable}={free_port()}") from None
    return int(text)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(stack, name, command):
    """Starts a process that ends with the demo; what it writes goes to NAME.log."""
    log = stack.enter_context((RUN / f"{name}.log").open("w"))
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def stop():
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    stack.callback(stop)
    return process


def until_ready(name, process, url):
    """Waits until `url` answers with success."""
    # Loopback is never asked through a proxy that the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            with opener.open(url, timeout=1) as response:
                if response.status == 200:
                    return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RunError(f"{name} did not start: {reason(name)}")
        time.sleep(0.05)


def reason(name):
    """The most telling line of a process's log."""
    lines = (RUN / f"{name}.log").read_text(errors="replace").strip().split("\n")
    telling = [line for line in lines if "LLM Arbiter refuses" in line or "[critical]" in line or "rror" in line]
    return (telling[0] if telling else lines[-1]) + f" (all of it: {(RUN / name).relative_to(ROOT)}.log)"


def with_standins(policy, stack):
    """Points every provider whose key is not set to a stand-in; returns the names of the real ones, and the stand-ins."""
    real, standins = [], {}
    for name, provider in policy["providers"].items():
        if os.environ.get(provider.get("credential", "")):
            real.append(name)
            continue
        port = free_port()
        command = [str(LLMOCK), "-p", str(port), "-h", "127.0.0.1", "-f", str(DEMO / "fixtures.json")]
        standin = f"standin-{name}"
        standins[standin] = start(stack, standin, command)
        until_ready(standin, standins[standin], f"http://127.0.0.1:{port}/health")
        standing_in = {"host": "127.0.0.1", "port": port, "tls": False}
        policy["providers"][name] = {"dialect": provider.get("dialect", "openai"), **standing_in}
    return real, standins


def render(policy, listen, admin, console):
    path = RUN / "policy.yaml"
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    command = [ROOT / "dist" / "arbiter", "render", path, "--wasm", ROOT / "dist" / "llm_arbiter.wasm"]
    command += ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]
    command += ["--console", f"127.0.0.1:{console}", "--access-log", RUN / "access.log"]
    rendered = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if rendered.returncode != 0:
        raise RunError(rendered.stderr.strip())
    (RUN / "envoy.yaml").write_text(rendered.stdout)


def curl(listen, question, *options, path="/v1/chat/completions", **members):
    body = json.dumps({"model": "auto", **members, "messages": [{"role": "user", "content": question}]})
    return f"curl {' '.join(options)} http://127.0.0.1:{listen}{path} -H 'content-type: application/json' -d '{body}'"


def announce(listen, admin, console, real):
    print(
        f"""
Envoy with LLM Arbiter listens on 127.0.0.1:{listen}. Real providers: {", ".join(real) or "none, stand-ins answer"}.
What is spent and saved: http://127.0.0.1:{console}/ (token for actions: {os.environ[TOKEN]})

An easy question goes to the small tier; ask again, and the cache answers (see cache-status):
  {curl(listen, "What is the capital of France?", "-i")}

A hard one goes to the large tier:
  {curl(listen, "Analyze this architecture step by step, debug the deadlock, refactor it and prove that it is correct.", "-i")}

The first answer again, as a stream:
  {curl(listen, "What is the capital of France?", "-iN", stream=True)}

An SDK of Anthropic's asks like this, and does not notice that an OpenAI model answers:
  {curl(listen, "What is the capital of Italy?", "-i", path="/v1/messages", max_tokens=100)}

Calls of an hour, in a minute: make demo-traffic{"" if listen == 10000 else f" PORT={listen} CONSOLE_PORT={console}"}
Counters: http://127.0.0.1:{admin}/stats?filter=arbiter   Configuration: {(RUN / "envoy.yaml").relative_to(ROOT)}   Ctrl-C stops everything.
One line per call follows:
""",
        flush=True,
    )


def follow(processes):
    """Prints the access log as it grows, until one of the processes ends."""
    log = RUN / "access.log"
    with log.open() as lines:
        while not (ended := [name for name, process in processes.items() if process.poll() is not None]):
            line = lines.readline()
            if line:
                print(line, end="", flush=True)
            else:
                time.sleep(0.1)
    raise RunError(f"{ended[0]} has ended: {reason(ended[0])}")


def main():
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    ports = {variable: port_of(variable, default) for variable, default in PORTS.items()}
    listen, admin, console = ports.values()
    if len(set(ports.values())) < len(ports):
        raise RunError(f"{', '.join(ports)} are {', '.join(map(str, ports.values()))}; choose different ones")
    os.environ.setdefault(TOKEN, secrets.token_hex(8))
    RUN.mkdir(parents=True, exist_ok=True)
    (RUN / "access.log").write_text("")
    found = subprocess.run([ROOT / "scripts" / "envoy.sh"], capture_output=True, text=True)
    if found.returncode != 0:
        raise RunError(found.stderr.strip())
    binary = found.stdout.strip()
    with contextlib.ExitStack() as stack:
        stack.callback(print, "\nstopped")
        policy = yaml.safe_load((DEMO / "policy.yaml").read_text())
        real, standins = with_standins(policy, stack)
        render(policy, listen, admin, console)
        command = [binary, "-c", str(RUN / "envoy.yaml"), "--concurrency", "2", "--file-flush-interval-msec", "100"]
        envoy = start(stack, "envoy", [*command, "--disable-hot-restart"])
        until_ready("envoy", envoy, f"http://127.0.0.1:{admin}/ready")
        announce(listen, admin, console, real)
        follow({"envoy": envoy, **standins})


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except RunError as error:
        sys.exit(f"run: {error}")
