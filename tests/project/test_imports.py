"""Who may import what, read from the source; and what `import recap_bench` may load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("recap_bench", "envs", "assets", "baselines")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]

# Package -> the modules (by prefix) that may import it. A device is chosen in the commands.
MAY_IMPORT = {
    "mujoco": ("recap_bench.envs",),
    "dm_control": ("recap_bench.envs",),
    "dm_env": ("recap_bench.envs",),
    "torch": ("recap_bench.learning", "recap_bench.baselines", "recap_bench.commands"),
    "safetensors": ("recap_bench.learning", "recap_bench.baselines"),
    "pandas": ("recap_bench.reporting",),
    "matplotlib": ("recap_bench.reporting",),
    "pyarrow": ("recap_bench.data",),
}


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    parts = parts if parts[0] == "recap_bench" else ["recap_bench", *parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write `from recap_bench... import` instead."
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def violations(path: Path) -> list[str]:
    module, found = module_name(path), []
    for name in imports(path):
        for package, owners in MAY_IMPORT.items():
            if within(name, package) and not any(within(module, owner) for owner in owners):
                found.append(f"{module} imports {name}; only {', '.join(owners)} may")
        if within(module, "recap_bench.envs") and within(name, "recap_bench"):
            allowed = ("recap_bench.envs", "recap_bench.assets", "recap_bench.errors", "recap_bench.seeding")
            if name != "recap_bench" and not any(within(name, prefix) for prefix in allowed):
                found.append(f"{module} imports {name}; envs take only errors and seeding from the core")
        if within(module, "recap_bench.baselines"):
            other = within(name, "recap_bench.baselines") and not within(name, module)
            if other or within(name, "recap_bench.envs"):
                found.append(f"{module} imports {name}; a baseline imports neither an env nor another baseline")
        if name.split(".")[0] in ("envs", "assets", "baselines"):
            found.append(f"{module} imports {name}; write recap_bench.{name}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_follow_the_rules(path: Path) -> None:
    assert violations(path) == []


def test_the_rules_catch_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    culprit = tmp_path / "baselines" / "bad.py"
    culprit.parent.mkdir()
    culprit.write_text("import mujoco\nfrom recap_bench.envs import make_vec\nfrom recap_bench.baselines import sft\n")
    assert len(violations(culprit)) >= 3


@pytest.mark.parametrize("path", sorted((ROOT / "recap_bench" / "loop").rglob("*.py")), ids=module_name)
def test_the_loop_asks_no_method_or_task_for_its_name(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            text = ast.unparse(node)
            against_text = any(
                isinstance(side, ast.Constant) and isinstance(side.value, str) for side in ast.walk(node)
            )
            asks = any(word in text for word in ("method ==", "task ==", "method.name ==", "method in", "task in"))
            assert not (against_text and asks), f"{path}:{node.lineno} depends on a name: {text}"


@pytest.mark.parametrize("statement", ["import recap_bench", "import recap_bench.cli"])
def test_importing_the_name_loads_no_heavy_package(statement: str) -> None:
    check = (
        f"import sys; {statement}; print([m for m in ('mujoco', 'torch', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
