"""What the documents tell a person to type exists."""

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from recap_bench.cli import build_parser
from recap_bench.envs.catalog import NAMESPACE, task_names
from recap_bench.method import METHODS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "baselines" / "README.md", *sorted((ROOT / "results").glob("*.md"))]
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


def headings(document: Path) -> set[str]:
    """Return the anchors of a document, as GitHub makes them; a heading that comes again has a number."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    anchors: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ +(.*?)\s*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{anchor}-{anchors[anchor]}" if anchors[anchor] else anchor)
        anchors[anchor] += 1
    return found


def broken_links(document: Path) -> list[str]:
    """Return the links of a document to files that do not exist, or to headings that these do not have."""
    broken = []
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", document.read_text()):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_the_documents_lead_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    document, other = tmp_path / "a.md", tmp_path / "b.md"
    other.write_text("# One, and `two`: 3 %\n\n```bash\n# no heading\n```\n## Again\n## Again\n")
    good = "[1](b.md) [2](b.md#one-and-two-3-) [3](https://x.org/y#z) [4](b.md#again-1) [5](#here)"
    document.write_text(f"# Here\n{good} [6](c.md) [7](b.md#three) [8](b.md#no-heading) [9](#there)\n")
    assert broken_links(document) == ["c.md", "b.md#three", "b.md#no-heading", "#there"]


def test_continuous_integration_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert all(f"make {target}" in script for target in ("test", "check", "types"))
