"""The package list, the constraints and the wheel agree with the tree."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages_in_the_tree() -> set[str]:
    found = set()
    for top in ("recap_bench", "assets", "baselines", "envs"):
        for folder in [ROOT / top, *(ROOT / top).rglob("*/")]:
            if any(folder.glob("*.py")) or any(folder.glob("*.xml")):
                name = ".".join(folder.relative_to(ROOT).parts)
                found.add(name if top == "recap_bench" else f"recap_bench.{name}")
    return found


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_folder_with_code_or_models_is_a_listed_package() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages_in_the_tree()


def test_no_folder_of_modules_lacks_its_init() -> None:
    for top in ("recap_bench", "baselines", "envs"):
        missing = {
            str(path.parent) for path in (ROOT / top).rglob("*.py") if not (path.parent / "__init__.py").exists()
        }
        assert missing == set()


def test_every_direct_dependency_is_pinned_by_the_constraints() -> None:
    pinned = {normalised(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for requirement in PROJECT["project"]["dependencies"]:
        assert normalised(re.split(r"[\[<>=!~]", requirement)[0]) in pinned


def test_constraints_name_versions_and_no_places() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)


def test_the_wheel_alone_makes_every_environment(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    skip = shutil.ignore_patterns(".git", ".venv", "build", "runs", "results", "tests", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=skip)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)]
    subprocess.run([*pip, *build], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("recap_bench-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, cwd=tmp_path)
    check = f"""
import json, sys
# In front of the editable install, whose finder is skipped for names found on the path.
sys.path.insert(0, {str(site)!r})
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(finder).lower()]
import gymnasium, recap_bench
from recap_bench.envs import catalog
import recap_bench.envs as envs
steps = {{}}
for name in catalog.task_names():
    env = gymnasium.make(f"recap_bench/{{name}}")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    steps[name] = True
print(json.dumps([recap_bench.__file__, envs.__file__, steps]))
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    *files, steps = json.loads(done.stdout.splitlines()[-1])
    assert all(file.startswith(str(site)) for file in files)
    assert steps
