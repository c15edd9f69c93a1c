"""A permission that guards nothing is a promise to nobody; a command that asks for one that is not there breaks on first use."""

from __future__ import annotations

import ast

from tests.structure.ladder import sources
from yuefu.access.rules import PERMISSIONS
from yuefu.api.routes import ROUTES

# Permissions that wait for what they will guard, and why.
WAITING: dict[str, str] = {}
# The functions through which commands and pages ask; a page names its permission in a constant as well.
ASKING = {"at_work", "caller", "scopes_of", "_change"}


def asked_for() -> set[str]:
    found = {route.scope for route in ROUTES if route.scope}
    for path in [*sources("cli/*.py"), *sources("web/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ASKING:
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
            if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant):
                targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                found |= {str(node.value.value) for target in targets if getattr(target, "id", "") == "PERMISSION"}
    return found


def test_every_permission_guards_a_command_a_page_or_a_route() -> None:
    assert PERMISSIONS - asked_for() == WAITING.keys()


def test_no_command_asks_for_a_permission_that_is_not_there() -> None:
    named = {name for name in asked_for() if "." in name}
    assert named <= PERMISSIONS
