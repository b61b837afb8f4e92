"""Fixtures of the end-to-end suite: every test owns its ports, files and processes, or shares them with its module."""

import contextlib
import os

import pytest
from e2e import dialects
from e2e import gateway as gateways
from e2e.envoy import ARBITER, BINARY, WASM
from e2e.policies import PASSES

collect_ignore = [] if os.environ.get("CLIENTS") else ["clients"]
"""Clients are tried by `make test-clients`, which installs them first."""


def pytest_sessionstart(session):
    for path, remedy in ((WASM, "make build"), (ARBITER, "make build"), (BINARY, "make setup, or set ENVOY")):
        if not os.path.exists(path):
            pytest.exit(f"{path} is missing: {remedy}", returncode=2)


@pytest.fixture(scope="module")
def module_gateway(request, tmp_path_factory):
    """The gateway of a test module, under the policy members that the module names `POLICY`."""
    policy = getattr(request.module, "POLICY", None)
    with gateways.running(tmp_path_factory.mktemp("gateway"), policy) as gateway:
        yield gateway


@pytest.fixture
def gateway(module_gateway):
    """The gateway of the module, its providers as if just started."""
    for provider in module_gateway.providers:
        provider.forget()
    return module_gateway


@pytest.fixture(scope="module")
def module_dialect_gateway(tmp_path_factory):
    """A gateway with a provider of every dialect; see `e2e.dialects`."""
    with dialects.running(tmp_path_factory.mktemp("dialects"), **PASSES) as gateway:
        yield gateway


@pytest.fixture
def dialect_gateway(module_dialect_gateway):
    """The gateway of every dialect, its providers as if just started."""
    module_dialect_gateway.forget()
    return module_dialect_gateway


@pytest.fixture
def start_gateway(tmp_path):
    """Starts gateways for one test alone; see `e2e.gateway.running`."""
    with contextlib.ExitStack() as stack:
        names = iter("abcdefgh")

        def start(policy=None, **options):
            return stack.enter_context(gateways.running(tmp_path / next(names), policy, **options))

        yield start
