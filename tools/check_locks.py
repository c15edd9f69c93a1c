"""Check, without a network, that the lock files follow their sources and hold no address of a package host."""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print each problem found on a line of its own; the exit status is 1 if there is one."""
    problems = [*python_problems(), *npm_problems()]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def python_problems() -> Iterator[str]:
    """Each direct requirement is pinned to a release it admits, each pin has hashes, and no line names a place."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-test.txt": groups["test"],
        "requirements-demo.txt": groups["demo"],
        "requirements-front.txt": groups["front"],
        "requirements-spark.txt": groups["spark"],
    }
    versions: dict[str, dict[str, set[str]]] = {}
    for name, requirements in wanted.items():
        text = (ROOT / name).read_text()
        versions[name] = pins(text)
        yield from (
            f"{name}: {line.strip()!r} names a place"
            for line in text.splitlines()
            if re.search(r"://|^\s*-|\s/\w", line) and "--hash=" not in line
        )
        yield from unhashed(name, text)
        yield from unmet(name, requirements, versions[name])
    for name, other in combinations(("requirements.txt", "requirements-test.txt", "requirements-spark.txt"), 2):
        yield from disagreements(other, versions[other], name, versions[name])


def pins(text: str) -> dict[str, set[str]]:
    """Releases by package; more than one where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def unhashed(name: str, text: str) -> Iterator[str]:
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if "==" in block.split("\n", 1)[0] and "--hash=sha256:" not in block:
            yield f"{name}: {block.splitlines()[0]} has no hash"


def unmet(name: str, requirements: list[str], found: dict[str, set[str]]) -> Iterator[str]:
    for text in requirements:
        requirement = Requirement(text)
        releases = found.get(canonicalize_name(requirement.name), set())
        if not releases or not all(requirement.specifier.contains(release, prereleases=True) for release in releases):
            yield f"{name}: {text} of pyproject.toml is not met by {sorted(releases) or 'any pin'}; run `make lock`"


def disagreements(name: str, pinned: dict[str, set[str]], other: str, others: dict[str, set[str]]) -> Iterator[str]:
    """Files that are installed side by side pin the same releases."""
    for package in sorted(pinned.keys() & others.keys()):
        if pinned[package] != others[package]:
            yield f"{name}: {package} differs from {other}; run `make lock`"


def npm_problems() -> Iterator[str]:
    """package-lock.json has the exact versions of package.json, a hash for each package, and no address to fetch it from."""
    declared = json.loads((ROOT / "package.json").read_text())["dependencies"]
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    if packages[""]["dependencies"] != declared:
        yield "package-lock.json does not follow package.json; run `npm install --package-lock-only`"
    for name, version in declared.items():
        if packages.get(f"node_modules/{name}", {}).get("version") != version:
            yield f"package-lock.json: {name} is not pinned to {version}"
    for path, package in packages.items():
        if "resolved" in package:
            yield f"package-lock.json: {path} names a place"
        if path and "integrity" not in package:
            yield f"package-lock.json: {path} has no hash"


if __name__ == "__main__":
    sys.exit(main())
