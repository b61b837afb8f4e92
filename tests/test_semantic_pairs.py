"""The hand-written pairs hold what their README promises."""

import collections
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent / "data" / "semantic"
PAIRS = [json.loads(line) for line in (FOLDER / "pairs.jsonl").read_text().splitlines()]


def messages(pair):
    """The two messages as they are sent."""
    if "document" not in pair:
        return pair["a"], pair["b"]
    document = (FOLDER / f"{pair['document']}.txt").read_text()
    changed = document.replace(*pair["change"]) if "change" in pair else document
    return f"{pair['a']}\n\n{document}", f"{pair['b']}\n\n{changed}"


def test_there_are_enough_traps_and_rephrasings_in_both_halves():
    traps = [pair for pair in PAIRS if not pair["serves"]]
    honest = [pair for pair in PAIRS if pair["serves"]]
    assert len(traps) >= 120 and len({pair["kind"] for pair in traps}) >= 20
    assert len(honest) >= 120 and sum("document" in pair for pair in honest) >= 40
    for part in (traps, honest):
        halves = collections.Counter(pair["half"] for pair in part)
        assert set(halves) == {"tune", "final"} and min(halves.values()) > 0.4 * len(part)


def test_every_pair_is_two_different_messages_that_no_other_pair_has():
    sent = [messages(pair) for pair in PAIRS]
    assert all(a != b for a, b in sent)
    assert len(set(sent)) == len(sent)
