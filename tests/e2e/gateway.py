"""Envoy with the filter between a test and three scripted providers."""

import contextlib
import dataclasses

from e2e import chat, policies
from e2e.envoy import Envoy
from e2e.provider import Provider, answer


@dataclasses.dataclass
class Gateway:
    """Providers bear the names of their models; see `policies.document`."""

    envoy: Envoy
    mini: Provider
    grand: Provider
    spare: Provider

    @property
    def providers(self):
        return (self.mini, self.grand, self.spare)

    def ask(self, text=None, headers=None, **members):
        """A chat call on a connection of its own; without `text`, one that nobody has asked before."""
        return self.envoy.chat(chat.request(chat.unique() if text is None else text, **members), headers)


@contextlib.contextmanager
def running(directory, policy=None, ports=None, document=policies.document, **options):
    """A gateway for as long as the block runs. `policy` are members of the `document`; `ports` replaces those
    of providers by name; `options` go to `Envoy.start`."""
    with contextlib.ExitStack() as stack:
        providers = {
            name: stack.enter_context(Provider(answer(chat.completion(f"{name} says hello"))))
            for name in ("mini", "grand", "spare")
        }
        used = {name: provider.port for name, provider in providers.items()} | (ports or {})
        full = document(**used, **(policy or {}))
        yield Gateway(stack.enter_context(Envoy.start(full, directory, **options)), **providers)


def with_trailers(bootstrap):
    """A `tweak`: trailers on both sides, which HTTP/2 always has."""
    enabled = {"http_protocol_options": {"enable_trailers": True}}
    (listener,) = bootstrap["static_resources"]["listeners"]
    listener["filter_chains"][0]["filters"][0]["typed_config"] |= enabled
    for cluster in bootstrap["static_resources"]["clusters"]:
        for options in cluster["typed_extension_protocol_options"].values():
            options["explicit_http_config"] = enabled
