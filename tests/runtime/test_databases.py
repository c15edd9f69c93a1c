from __future__ import annotations

import io
import json
import logging
import sys
from dataclasses import dataclass
from uuid import uuid4

import pytest

from yuefu.runtime import logs
from yuefu.runtime.databases import DatabaseError, derived_password, django_databases


def parts(url: str) -> tuple[str, str, str, str, str]:
    owner = django_databases({"DATABASE_URL": url})["owner"]
    return owner["USER"], owner["PASSWORD"], owner["HOST"], owner["PORT"], owner["NAME"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example:6543/books", ("u", "p", "db.example", "6543", "books")),
        ("postgres://u:p@db/books", ("u", "p", "db", "", "books")),
        ("postgresql://u%40x:p%2F%3A%25@db/my%20books", ("u@x", "p/:%", "db", "", "my books")),
        ("postgresql://u:p@%2FTmp%2FSock:5433/books", ("u", "p", "/Tmp/Sock", "5433", "books")),
        ("postgresql://u:p@/books?host=/Tmp/Sock&port=5433", ("u", "p", "/Tmp/Sock", "5433", "books")),
        ("postgresql:///books?host=db&user=u&password=p%2B", ("u", "p+", "db", "", "books")),
        ("postgresql://u:p@[::1]:5433/books", ("u", "p", "::1", "5433", "books")),
        ("postgresql://u:p@one:1,two:2/books", ("u", "p", "one,two", "1,2", "books")),
    ],
)
def test_every_form_of_address_is_read(url: str, expected: tuple[str, ...]) -> None:
    assert parts(url) == expected


def test_options_are_kept_for_every_login() -> None:
    found = django_databases({"DATABASE_URL": "postgresql://u:p@db/books?sslmode=require&connect_timeout=3"})
    for alias in ("owner", "default", "reader", "staff"):
        assert found[alias]["OPTIONS"] == {"application_name": "yuefu", "sslmode": "require", "connect_timeout": "3"}


def test_logins_are_derived_from_the_owner_unless_given() -> None:
    found = django_databases({"DATABASE_URL": "postgresql://u:p@db/books", "DATABASE_READER_URL": "postgresql://r:q@replica/copy"})
    assert (found["default"]["USER"], found["default"]["HOST"], found["default"]["NAME"]) == ("yuefu_writer", "db", "books")
    assert (found["reader"]["USER"], found["reader"]["PASSWORD"], found["reader"]["HOST"]) == ("r", "q", "replica")
    assert len({found[alias]["PASSWORD"] for alias in ("owner", "default", "reader", "staff")}) == 4


def test_a_password_given_in_the_query_derives_the_same_logins() -> None:
    plain = django_databases({"DATABASE_URL": "postgresql://u:p@db/books"})
    query = django_databases({"DATABASE_URL": "postgresql://db/books?user=u&password=p"})
    assert plain["default"]["PASSWORD"] == query["default"]["PASSWORD"]
    assert "password" not in query["default"]["OPTIONS"]


def test_no_login_is_derived_from_no_password() -> None:
    with pytest.raises(DatabaseError):
        derived_password("", "yuefu_writer")
    with pytest.raises(DatabaseError):
        django_databases({"DATABASE_URL": "postgresql://u@db/books"})
    given = dict.fromkeys(("DATABASE_WRITER_URL", "DATABASE_READER_URL", "DATABASE_STAFF_URL"), "postgresql://x:y@db/books")
    assert django_databases({"DATABASE_URL": "postgresql://u@db/books", **given})["default"]["USER"] == "x"


@pytest.mark.parametrize("url", ["mysql://u:p@db/books", "db", "postgresql://u:p@[::1/books", "postgresql://u:p@db/books?no_such=1"])
def test_what_is_no_address_is_one_clear_sentence(url: str) -> None:
    with pytest.raises(DatabaseError) as error:
        django_databases({"DATABASE_URL": url})
    assert "p@" not in str(error.value)


# -------------------------------------------------------------------------------------------------------------------- logs


@dataclass(frozen=True)
class Person:
    phone: str


PERSONAL = ["13800138000", "138 0013 8000", "138-0013-8000", "110101199003071234", "11010119900307123X", "6222021234567890123"]
FORMS = [
    lambda text: {"event": f"called {text}."},
    lambda text: {"event": "x", "phone": text},
    lambda text: {"event": "x", "payload": {"deep": [{"phone": text}]}},
    lambda text: {"event": "x", "payload": {text: 1}},
    lambda text: {"event": "x", "pair": (text, 1)},
    lambda text: {"event": "x", "person": Person(text)},
    lambda text: {"event": "x", "error": ValueError(f"no consumer {text}")},
    lambda text: {"event": "x", "raw": text.encode()},
    lambda text: {"event": f"+86-{text}"},
    lambda text: {"event": f"手机{text}号"},
    lambda text: {"event": f"user_{text}_left"},
]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(readable=False)
    yield stream
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize("text", PERSONAL)
@pytest.mark.parametrize("form", range(len(FORMS)))
def test_personal_data_never_reaches_a_log_line(written: io.StringIO, text: str, form: int) -> None:
    event = FORMS[form](text)  # type: ignore[no-untyped-call]
    logs.logger("test").info(event.pop("event"), **event)
    line = written.getvalue()
    assert json.loads(line)["level"] == "info"
    assert text not in line


def test_other_libraries_logs_and_exceptions_are_masked_too(written: io.StringIO) -> None:
    logging.getLogger("other").warning("phone %s", "13800138000")
    try:
        raise ValueError("13800138001")
    except ValueError:
        logs.logger("test").exception("failed", number=13800138002)
    assert "1380013800" not in written.getvalue()


def test_figures_ids_and_dates_stay_readable(written: io.StringIO) -> None:
    row = uuid4()
    logs.logger("test").info(
        "posted", order_id="ord_01k6e2c4n8f7b9w3q5t1x0z2y4", row=row, minor=199900, day="2026-10-01", ok=True, rate=0.5, none=None
    )
    line = json.loads(written.getvalue())
    assert (line["row"], line["minor"], line["day"], line["ok"], line["rate"], line["none"]) == (
        str(row),
        199900,
        "2026-10-01",
        True,
        0.5,
        None,
    )
