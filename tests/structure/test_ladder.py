"""What import contracts alone cannot say: whose tables a package may see, and which way foreign keys point."""

import grimp
import pytest
from django.apps import apps
from django.db.models import Field, ForeignKey, ManyToManyField, Model, OneToOneField

from tests.structure.ladder import HEIGHT, package_of, sources

RELATIONS = (ForeignKey, OneToOneField, ManyToManyField)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("yuefu", cache_dir=None)


def our_models() -> list[type[Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if model.__module__.startswith("yuefu.")]


def rung(model: type[Model]) -> str:
    return model.__module__.split(".")[1]


def relations() -> list[Field]:
    return [
        field
        for model in our_models()
        for field in model._meta.local_fields + model._meta.local_many_to_many
        if isinstance(field, RELATIONS)
    ]


def points_down(source: str, target: str) -> bool:
    """To itself or below; a neighbour on the same rung is as unknown as one above."""
    return source == target or HEIGHT[target] < HEIGHT[source]


def test_every_package_has_a_place_on_the_ladder() -> None:
    packages = {package_of(path) for path in sources()} - {"__init__", "__main__"}
    assert packages <= HEIGHT.keys()


def test_every_installed_app_is_looked_at() -> None:
    written = {package_of(path) for path in sources("*/models.py")} | {package_of(path) for path in sources("*/models/*.py")}
    assert written == {rung(model) for model in our_models() if not model._meta.auto_created}


def test_the_models_of_a_package_are_imported_by_that_package_only(graph: grimp.ImportGraph) -> None:
    wrong = []
    for module in sorted(graph.modules):
        parts = module.split(".")
        if len(parts) < 3 or parts[2] != "models":
            continue
        importers = sorted(graph.find_modules_that_directly_import(module))
        wrong += [f"{importer} imports {module}" for importer in importers if importer.split(".")[1] != parts[1]]
    assert wrong == []


def test_no_foreign_key_has_a_way_back() -> None:
    ours = [
        field for field in relations() if field.remote_field.model.__module__.startswith("yuefu.") and not field.model._meta.auto_created
    ]
    assert [str(field) for field in ours if not field.remote_field.hidden] == []


def test_every_table_is_named_after_its_package() -> None:
    wrong = [model._meta.db_table for model in our_models() if not model._meta.db_table.startswith(f"{rung(model)}_")]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "target", "down"),
    [
        ("loans", "orders", True),
        ("loans", "loans", True),
        ("orders", "loans", False),
        ("consumers", "merchants", False),
        ("ledger", "access", True),
    ],
)
def test_the_ladder_reads_as_the_design_draws_it(source: str, target: str, down: bool) -> None:
    assert points_down(source, target) is down
