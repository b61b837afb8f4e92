"""What `docs/clients.md` says, as it stands there."""

import re

import pytest

from clients.conftest import ROOT, TOOLS
from clients.standins import ANSWER

PAGE = (ROOT / "docs" / "clients.md").read_text()
SECTIONS = PAGE.split("\n### ")[1:]
BLOCKS = {section.split("\n")[0]: re.search(r"```(\w+)\n(.*?)```", section, re.S).groups() for section in SECTIONS}
BIN = TOOLS / "node" / "node_modules" / ".bin"
PATH = f"{BIN}:{TOOLS}/venv/bin:{TOOLS}/aider/bin:/usr/local/bin:/usr/bin:/bin"


def of(*languages):
    return [pytest.param(block, id=name) for name, (language, block) in BLOCKS.items() if language in languages]


def test_every_client_has_a_block_of_three_lines():
    assert len(BLOCKS) == 16
    assert all(block.count("\n") == 3 for _, block in BLOCKS.values())


@pytest.mark.parametrize("block", of("python"))
def test_python(gateway, tmp_path, block):
    # By which instructor wants to be answered.
    gateway.call(Response={"content": ANSWER})
    assert ANSWER in gateway.run([str(TOOLS / "venv/bin/python"), "-c", block], tmp_path / "home")


@pytest.mark.parametrize("block", of("js"))
def test_node(gateway, tmp_path, block):
    script = TOOLS / "node" / f"block-{tmp_path.name}.mjs"
    script.write_text(block.replace("127.0.0.1:10000", gateway.envoy.address))
    try:
        assert ANSWER in gateway.run(["node", str(script)], tmp_path / "home")
    finally:
        script.unlink()


@pytest.mark.parametrize("block", of("sh"))
def test_shell(gateway, tmp_path, block):
    assert ANSWER in gateway.run(["bash", "-ec", block], tmp_path / "home", {"PATH": PATH})


FILES = {
    "Codex": (".codex/config.toml", "codex exec --skip-git-repo-check 'Say hello'"),
    "opencode": ("opencode.json", "opencode run --model gateway/auto 'Say hello'"),
    "llm": ("llm/extra-openai-models.yaml", "llm --model gateway 'Say hello'"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(gateway, tmp_path, name):
    path, command = FILES[name]
    assert command.replace(" --skip-git-repo-check", "") in PAGE
    file = tmp_path / "home" / path
    file.parent.mkdir(parents=True)
    file.write_text(BLOCKS[name][1].replace("127.0.0.1:10000", gateway.envoy.address))
    keys = {"GATEWAY_KEY": "caller", "OPENAI_API_KEY": "caller", "LLM_USER_PATH": str(tmp_path / "home" / "llm")}
    assert ANSWER in gateway.run(["bash", "-ec", command], tmp_path / "home", {"PATH": PATH, **keys})
