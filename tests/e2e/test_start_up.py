"""What cannot work is refused at the start, with a reason."""

import copy
import json

import pytest

from e2e import policies
from e2e.envoy import Envoy, StartError, plugin_configurations, render


@pytest.fixture
def good():
    return policies.document(mini=9, grand=9, spare=9)


def remove_prices(policy):
    del policy["models"]["mini"]["prices"]


def misspell(policy):
    policy["tires"] = policy.pop("tiers")


def unknown_model(policy):
    policy["tiers"][0]["models"][0] = "minni"


def unknown_baseline(policy):
    policy["baseline"] = "nobody"


def unknown_mode(policy):
    policy["requested_model"] = "sometimes"


def negative_price(policy):
    policy["models"]["mini"]["prices"]["input"] = -1


BAD = {
    "prices-missing": (remove_prices, ["models.mini", "prices"]),
    "misspelt-field": (misspell, ["tires", "tiers"]),
    "unknown-model": (unknown_model, ["tiers[0].models[0]", "minni"]),
    "unknown-baseline": (unknown_baseline, ["baseline", "nobody"]),
    "unknown-mode": (unknown_mode, ["requested_model", "sometimes"]),
    "negative-price": (negative_price, ["models.mini.prices.input"]),
}


@pytest.mark.parametrize(("spoil", "named"), BAD.values(), ids=BAD)
def test_envoy_refuses_a_bad_policy_and_says_why(good, tmp_path, spoil, named):
    def tweak(bootstrap):
        found = plugin_configurations(bootstrap)
        assert found, "the bootstrap carries no policy"
        for configuration in found:
            plugin = json.loads(configuration["value"])
            spoil(plugin["policy"])
            configuration["value"] = json.dumps(plugin)

    with pytest.raises(StartError) as caught, Envoy.start(good, tmp_path, tweak=tweak):
        pass
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(("spoil", "named"), BAD.values(), ids=BAD)
def test_render_refuses_a_bad_policy_and_says_why(good, tmp_path, spoil, named):
    bad = copy.deepcopy(good)
    spoil(bad)

    with pytest.raises(StartError) as caught:
        render(bad, tmp_path)
    for part in named:
        assert part in str(caught.value)


def test_envoy_refuses_a_credential_that_no_header_can_carry(good, tmp_path):
    good["providers"]["cheap"]["credential"] = "CHEAP_API_KEY"

    with pytest.raises(StartError) as caught, Envoy.start(good, tmp_path, environment={"CHEAP_API_KEY": "sk-1\nx: y"}):
        pass
    assert "providers.cheap.credential" in str(caught.value)
    assert "CHEAP_API_KEY" in str(caught.value)
    assert "sk-1" not in str(caught.value)
