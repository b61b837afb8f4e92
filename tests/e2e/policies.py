"""Policy documents for tests."""

MINI_PRICES = {"input": 0.15, "cached_input": 0.075, "output": 0.60}
SPARE_PRICES = {"input": 0.30, "output": 1.20}
GRAND_PRICES = {"input": 2.50, "cached_input": 1.25, "output": 10.00}


def provider(port, **members):
    """A provider on loopback."""
    return {"host": "127.0.0.1", "port": port, "tls": False, **members}


def document(mini, grand, spare, **members):
    """A policy of two tiers: `small` is model `mini`, then `spare`; `large` is model `grand`.

    The arguments are the ports of their providers; `members` come on top. Words decide the complexity, so that tests
    can rely on it.
    """
    return {
        "models": {
            "mini": {"provider": "cheap", "upstream_name": "mini-2024-07-18", "prices": MINI_PRICES},
            "spare": {"provider": "second", "upstream_name": "spare-with-a-longer-name-v2", "prices": SPARE_PRICES},
            "grand": {"provider": "strong", "upstream_name": "grand-2024-08-06", "prices": GRAND_PRICES},
        },
        "providers": {
            "cheap": provider(mini),
            "second": provider(spare, path="/compat/v1/chat/completions"),
            "strong": provider(grand),
        },
        "tiers": [
            {"name": "small", "handles": "low", "models": ["mini", "spare"]},
            {"name": "large", "handles": "high", "models": ["grand"]},
        ],
        "baseline": "grand",
        "classify": {"scorer": "wordcount"},
        **members,
    }


CACHE_OFF = {"cache": {"exact": "off"}}
"""Member of a policy under which every call goes to a provider."""

PASSES = {"admit": {"pass_through": ["/"]}}
"""Member of a policy under which all that is no call of ours is let through."""
