"""What the documents tell a person to type exists."""

import re
import shlex
from pathlib import Path

import pytest

from recap_bench.cli import build_parser
from recap_bench.envs.catalog import NAMESPACE, task_names
from recap_bench.method import METHODS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("recap-bench ")])
def test_commands_of_the_readme_parse(command: str) -> None:
    build_parser().parse_args(shlex.split(command)[1:])


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)
    assert {"run", "test", "check", "types", "speed"} <= set(targets)
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_the_readme_tables_hold_every_task_and_method() -> None:
    assert [name for name in task_names() if f"| `{NAMESPACE}{name}` |" not in README] == []
    assert [name for name in METHODS if f"| `{name}` |" not in README] == []


def test_files_that_the_readme_names_exist() -> None:
    named = re.findall(r"`((?:recap_bench|envs|baselines|assets)/[\w/]+\.\w+)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_continuous_integration_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert all(f"make {target}" in script for target in ("test", "check", "types"))
