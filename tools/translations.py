"""Translations of the screens, without gettext's own programs: `update` the catalogues, `compile` them, `check` that they are complete."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def main(verb: str) -> int:
    """Do one of the three verbs; the exit status is 1 if `check` found something."""
    if verb == "update":
        for path in catalogues():
            update(path)
    elif verb == "compile":
        for path in catalogues():
            path.with_suffix(".mo").write_bytes(compiled(load(path)))
    elif verb == "check":
        problems = [problem for path in catalogues() for problem in check(path)]
        for problem in problems:
            print(problem, file=sys.stderr)
        return 1 if problems else 0
    else:
        print(f"{verb!r} is none of update, compile, check", file=sys.stderr)
        return 2
    return 0


def catalogues() -> list[Path]:
    return sorted(ROOT.glob("yuefu/**/locale/*/LC_MESSAGES/*.po"))


def load(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def compiled(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def check(path: Path) -> Iterator[str]:
    """Every text of the sources has a translation that keeps its placeholders, and the .mo beside the catalogue is of today."""
    catalog = load(path)
    short = path.relative_to(ROOT)
    for found in in_sources():
        if catalog.get(found.id, found.context) is None:
            yield f"{short}: {found.id!r} of {where(found)} is missing; run `tools/translations.py update`, translate it"
    for message in catalog:
        if not message.id:
            continue
        if message.fuzzy or not all(message.string if isinstance(message.string, tuple) else (message.string,)):
            yield f"{short}: {message.id!r} is not translated"
        yield from (f"{short}: {message.id!r}: {error}" for error in message.check(catalog))
    binary = path.with_suffix(".mo")
    if not binary.exists() or binary.read_bytes() != compiled(catalog):
        yield f"{binary.relative_to(ROOT)} is not compiled from today's catalogue; run `make install`"


def update(path: Path) -> None:
    """Add what is new in the sources, drop what has gone from them; translations stay. Nothing is guessed."""
    template = Catalog()
    for found in in_sources():
        template.add(found.id, locations=found.locations, context=found.context, flags=found.flags)
    catalog = load(path)
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    with path.open("wb") as file:
        write_po(file, catalog, width=120, sort_output=True, include_lineno=False, omit_header=False)


def where(message: Message) -> str:
    return ", ".join(f"{name}" for name, _ in message.locations[:1])


def in_sources() -> list[Message]:
    """Each text once, from Python files and from Django's templates."""
    catalog = Catalog()
    for path in sorted([*ROOT.glob("yuefu/**/*.py"), *ROOT.glob("yuefu/**/templates/**/*.*")]):
        name = str(path.relative_to(ROOT))
        source = path.read_text(encoding="utf-8")
        for _, text, _, context in extract("python", io.BytesIO(as_python(path, source).encode()), keywords=KEYWORDS):
            catalog.add(text, locations=[(name, 0)], context=context)
    return [message for message in catalog if message.id]


def as_python(path: Path, source: str) -> str:
    """A template as Django prepares it for extraction: its texts are calls of gettext, the rest is blotted out."""
    if path.suffix == ".py":
        return source
    from django.utils.translation.template import templatize

    return "\n".join(line.strip() for line in templatize(source, origin=str(path)).splitlines())


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
