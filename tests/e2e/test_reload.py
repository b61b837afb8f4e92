"""A new policy takes the place of the old one in a running Envoy, under load: nobody notices but those whom it is about."""

import json
import os
import threading

import pytest

from e2e import chat, policies
from e2e.envoy import plugin_configurations, render
from e2e.gateway import running
from e2e.waiting import until

BUDGET = {"name": "calls", "per": "tenant", "requests": 3, "window": "month"}
POLICY = {"identity": {"headers": {"tenant": "x-tenant"}}, "budgets": [{**BUDGET, "limits": {"load": 1_000_000}}]}
STRICTER = POLICY | {"rules": [{"name": "no-interns", "when": 'identity.tenant == "interns"', "then": "deny"}]}


class Listeners:
    """The listeners of an Envoy in a file that it watches."""

    def __init__(self, directory):
        self.path = directory / "listeners.json"

    def move_out(self, bootstrap):
        """A `tweak`: the bootstrap's listeners go into the file."""
        self.replace(bootstrap["static_resources"].pop("listeners"))
        bootstrap["node"] = {"id": "test", "cluster": "test"}
        source = {"path_config_source": {"path": str(self.path)}, "resource_api_version": "V3"}
        bootstrap["dynamic_resources"] = {"lds_config": source}

    def replace(self, listeners):
        kind = {"@type": "type.googleapis.com/envoy.config.listener.v3.Listener"}
        document = {"version_info": os.urandom(4).hex(), "resources": [kind | listener for listener in listeners]}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(document))
        fresh.replace(self.path)


@pytest.fixture
def reloadable(tmp_path):
    listeners = Listeners(tmp_path)
    options = {"tweak": listeners.move_out, "concurrency": 2}
    with running(tmp_path, POLICY, **options) as gateway:

        def reload(policy, change=None):
            ports = {name: getattr(gateway, name).port for name in ("mini", "grand", "spare")}
            changed = render(policies.document(**ports, **policy), tmp_path)
            if change:
                change(changed["static_resources"]["listeners"])
            listeners.replace(changed["static_resources"]["listeners"])

        yield gateway, reload


def test_a_new_policy_holds_at_once_and_no_call_fails(reloadable):
    gateway, reload = reloadable
    stored = chat.unique()
    assert gateway.ask(stored, {"x-tenant": "acme"}).status_code == 200
    assert gateway.ask(None, {"x-tenant": "acme"}).status_code == 200
    over, statuses = threading.Event(), []

    def load():
        while not over.is_set():
            statuses.append(gateway.ask(None, {"x-tenant": "load"}).status_code)

    callers = [threading.Thread(target=load) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        until(lambda: len(statuses) > 20, "calls")
        assert gateway.ask(None, {"x-tenant": "interns"}).status_code == 200
        reload(STRICTER)
        until(lambda: gateway.ask(None, {"x-tenant": "interns"}).status_code == 403, "the new policy")
        before = len(statuses)
        until(lambda: len(statuses) > before + 50, "calls under the new policy")
    finally:
        over.set()
        for caller in callers:
            caller.join()

    assert set(statuses) == {200}
    again = gateway.ask(stored, {"x-tenant": "acme"})
    assert "hit" in again.headers["cache-status"], "the cache is kept"
    left = [gateway.ask(None, {"x-tenant": "acme"}).status_code for _ in range(2)]
    assert left == [200, 429], "the budget is kept"


def test_a_policy_that_cannot_be_used_changes_nothing(reloadable):
    gateway, reload = reloadable

    def spoil(listeners):
        (configuration,) = plugin_configurations(listeners)[:1]
        configuration["value"] = configuration["value"].replace('"mini"', '"gone"', 1)

    reload(STRICTER, spoil)
    until(lambda: "config update rejected" in gateway.envoy.log.read_text(), "Envoy to refuse the policy")
    assert "there is no model `mini`" in gateway.envoy.log.read_text()
    assert {gateway.ask(None, {"x-tenant": tenant}).status_code for tenant in ("load", "interns")} == {200}

    reload(STRICTER)
    until(lambda: gateway.ask(None, {"x-tenant": "interns"}).status_code == 403, "the policy as it was meant")
    assert gateway.ask(None, {"x-tenant": "load"}).status_code == 200
