"""What a tuning does: options that decide its weights, besides the footage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vdiff_plugin.errors import SettingsError
from vdiff_plugin.training.samples import PATCH

Count = Annotated[int, Field(ge=1)]


class TuneRecipe(BaseModel):
    """Options of a tuning; equal ones and equal footage give equal weights after equal steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = "restore"
    preset: str = "fast"
    seed: Annotated[int, Field(ge=0)] = 1
    patch: Annotated[int, Field(ge=32, le=192, multiple_of=16)] = PATCH
    batch: Annotated[int, Field(ge=1, le=64)] = 8
    rate: Annotated[float, Field(gt=0, le=1e-2)] = 2e-4  # Adam's
    reach: Annotated[float, Field(gt=0, le=1)] = 0.2  # how far a layer may move, of its own norm
    interval: Count = 50  # steps between two looks at the held-out frames
    patience: Count = 6  # looks without a better one, after which it ends

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Check `values`. Raises SettingsError."""
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise SettingsError(f"{name}: {first['msg'].lower()}; see docs/tuning.md") from error
