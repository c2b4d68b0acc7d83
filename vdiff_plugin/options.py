"""Options of a stage or an extractor: `colour:saturation=1.1`, checked like settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from vdiff_plugin.errors import SettingsError


class Options(BaseModel):
    """Base of a part's own options: a field an option, its range in `Field`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def read(cls, owner: str, given: Mapping[str, str]) -> Self:
        """Validated options from the strings of a stage list.

        Args:
            owner: the part they belong to, for messages: "stage colour".
            given: option name -> text.

        Raises:
            SettingsError: an unknown option, or a value outside its range.
        """
        for name in given:
            if name not in cls.model_fields:
                known = ", ".join(sorted(cls.model_fields)) or "none"
                raise SettingsError(f"{owner} has no option {name!r}; have {known}")
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            raise SettingsError(cls._explain(owner, error)) from error

    @classmethod
    def _explain(cls, owner: str, error: ValidationError) -> str:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        reason = str(first["msg"]).removeprefix("Input ").removeprefix("Value error, ")
        field = cls.model_fields.get(name)
        meaning = f"; {name} is {field.description}" if field and field.description else ""
        return f"{owner}: {name}={first.get('input')} is no good, it {reason}{meaning}"
