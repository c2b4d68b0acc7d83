"""A training recipe: one TOML file and one seed that reproduce a weights file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vdiff_plugin.errors import SettingsError
from vdiff_plugin.training.samples import SampleRecipe


class Recipe(BaseModel):
    """Everything that decides the weights, besides the footage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    preset: str
    seed: int = 1
    samples: Annotated[int, Field(ge=1)] = 24_000  # patches, in `shards` files
    shards: Annotated[int, Field(ge=1)] = 2
    stills: Annotated[float, Field(ge=0, le=1)] = 0.4
    missing: Annotated[float, Field(ge=0, le=1)] = 0.1
    degradations: dict[str, float]
    steps: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)] = 8
    rate: float = 2e-3  # Adam's first learning rate; a cosine takes it to `last_rate`
    last_rate: float = 2e-5
    warmup: Annotated[int, Field(ge=0)] = 500  # steps up to `rate`; sudden ones kill units
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    loss: Literal["charbonnier", "log", "mse"] = "charbonnier"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML recipe. Raises SettingsError."""
        try:
            return cls(**tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
            reason = " ".join(str(error).split())
            raise SettingsError(f"{path}: {reason}; see docs/training.md") from error

    def shard(self, index: int) -> SampleRecipe:
        """How sample file `index` is made."""
        return SampleRecipe(
            count=self.samples // self.shards,
            seed=self.seed * 10 + index + 1,
            stills=self.stills,
            missing=self.missing,
            degradations=self.degradations,
        )
