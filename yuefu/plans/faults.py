"""The fault of a plan that cannot be: a ValueError with a stable code."""

from typing import Self


class PlanError(ValueError):
    """`code` says in a stable word what is wrong, `field` which input it is about ("" where none), the message in an English sentence."""

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        return type(self), (self.code, self.detail, self.field)
