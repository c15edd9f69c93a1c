"""People of the tests: the same name is the same person, everywhere."""

from uuid import NAMESPACE_OID, uuid5

from yuefu.runtime.values import Actor


def person(name: str) -> Actor:
    """Somebody who is logged in as `name`."""
    return Actor("user", name, uuid5(NAMESPACE_OID, name))
