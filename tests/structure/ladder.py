"""The ladder as pyproject.toml states it, for the tests of this directory."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNGS: list[list[str]] = [
    re.findall(r"\w+", line)
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if contract.get("containers") == ["yuefu"]
    for line in reversed(contract["layers"])
]
HEIGHT: dict[str, int] = {package: height for height, packages in enumerate(RUNGS) for package in packages}
# What may read the clock, the environment and a source of randomness by its place: the top of the ladder.
EDGE_FROM = HEIGHT["journeys"]


def package_of(path: Path) -> str:
    """The package below yuefu/ that holds the file; a module directly below it is a package by its own name."""
    return path.relative_to(ROOT / "yuefu").parts[0].removesuffix(".py")


def sources(pattern: str = "**/*.py") -> list[Path]:
    """Files of ours below yuefu/, in a fixed order."""
    return [path for path in sorted((ROOT / "yuefu").glob(pattern)) if "__pycache__" not in path.parts and "vendor" not in path.parts]
