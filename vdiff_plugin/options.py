"""Options of a stage or an extractor: `colour:saturation=1.1`, checked like settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from vdiff_plugin.errors import SettingsError
from vdiff_plugin.values import first_refused, refusal


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
            name, value = first_refused(error)
            wrong = f"{owner}: {name}={value}"
            raise SettingsError(refusal(wrong, cls.model_fields[name])) from error
