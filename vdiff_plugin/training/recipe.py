"""A training recipe: one TOML file and one seed that reproduce a weights file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vdiff_plugin.errors import SettingsError
from vdiff_plugin.model.presets import UPSCALING, Architecture, Preset, architecture_of
from vdiff_plugin.training.degrade import DEGRADATIONS
from vdiff_plugin.training.samples import PATCH, SampleRecipe

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
_HELD_OUT = 16  # patches of each degradation, two a clip


class Recipe(BaseModel):
    """Everything that decides the weights, besides the footage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    preset: str
    levels: Annotated[int, Field(ge=1, le=16)] | None = None  # of the trunk; None: the preset's
    detail_levels: Annotated[int, Field(ge=0, le=16)] | None = None  # the same at half size
    seed: Annotated[int, Field(ge=0)] = 1
    start: str = ""  # content hash of the weights it begins with; none: random ones
    samples: Count = 24_000  # patches, in `shards` files
    shards: Count = 2
    shard_steps: Annotated[int, Field(ge=0)] = 0  # a file joins every so often; 0: all at once
    stills: Share = 0.4
    halved: Share = 0.0  # of the videos; brought to half their size first
    graphics: Share = 0.0  # of the clips; text and shapes are drawn over them
    missing: Share = 0.1
    held_out: Share = 0.0  # of the files, kept from training to measure on
    patch: Annotated[int, Field(ge=32, le=192, multiple_of=16)] = PATCH
    degradations: dict[str, Annotated[float, Field(ge=0)]]
    steps: Count
    epoch: Count = 250  # steps between two weights files and measurements
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    rate: Annotated[float, Field(gt=0)] = 2e-3  # Adam's; a cosine takes it to `last_rate`
    last_rate: Annotated[float, Field(ge=0)] = 2e-5
    warmup: Annotated[int, Field(ge=0)] = 500  # steps up to `rate`; sudden ones kill units
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    loss: Literal["charbonnier", "log", "finelog", "mse"] = "charbonnier"
    flicker: Annotated[float, Field(ge=0)] = 0.0  # weight of errors that change between frames

    @field_validator("degradations")
    @classmethod
    def _known(cls, weights: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(weights) - set(DEGRADATIONS))
        if unknown:
            raise ValueError(f"no degradation {unknown[0]!r}; have {', '.join(DEGRADATIONS)}")
        if not sum(weights.values()):
            raise ValueError("no degradation has any weight")
        return weights

    @classmethod
    def of(cls, where: str, values: Mapping[str, Any]) -> Self:
        """Check `values`, which `where` gave. Raises SettingsError."""
        try:
            recipe = cls(**values)
        except ValidationError as error:
            raise SettingsError(f"{where}: {_explained(error)}; see docs/training.md") from error
        if recipe.flicker and recipe.batch % 2:
            raise SettingsError(f"{where}: flicker needs an even batch; it takes frames in pairs")
        if recipe.flicker and recipe.task == UPSCALING:
            raise SettingsError(f"{where}: no flicker with {UPSCALING}; take it out")
        if recipe.task == UPSCALING and (recipe.levels, recipe.detail_levels) != (None, None):
            raise SettingsError(f"{where}: {UPSCALING} has no levels; take them out")
        return recipe

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML recipe. Raises SettingsError."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = " ".join(str(error).split())
            raise SettingsError(f"{path}: {reason}; see docs/training.md") from error
        return cls.of(str(path), values)

    def changed(self, where: str, values: Mapping[str, Any]) -> Recipe:
        """The same with other `values`, checked. Raises SettingsError."""
        return type(self).of(where, {**self.model_dump(), **values})

    def to_toml(self) -> str:
        """A file that `read` reads back equal."""
        values = self.model_dump(exclude_none=True)
        table = values.pop("degradations")
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        rows = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
        return "\n".join([*lines, "", "[degradations]", *rows, ""])

    def shard(self, index: int) -> SampleRecipe:
        """How sample file `index` is made."""
        return SampleRecipe(
            count=max(2, self.samples // self.shards // 2 * 2),
            seed=self.seed * 10 + index + 1 if self.shards < 10 else self.seed * 1000 + index,
            stills=self.stills,
            halved=self.halved,
            graphics=self.graphics,
            missing=self.missing,
            degradations=self.degradations,
            patch=self.patch,
            pairs=self.flicker > 0,
            restorer=self._restorer,
        )

    def held_out_shard(self, degradation: str) -> SampleRecipe:
        """How the file that measures one degradation is made."""
        return SampleRecipe(
            count=_HELD_OUT,
            seed=self.seed * 1000 + 900 + list(DEGRADATIONS).index(degradation),
            stills=self.stills,
            halved=self.halved,
            graphics=self.graphics,
            missing=0.0,
            degradations={degradation: 1.0},
            patch=self.patch,
            windows=1,
            places=2,
            restorer=self._restorer,
        )

    def resolved(self) -> Self:
        """The same with the depth written out: a preset's may change, a recipe's must not."""
        found = self.architecture
        if not isinstance(found, Preset):
            return self
        depth = {"levels": found.levels, "detail_levels": found.detail_levels}
        return self.model_copy(update=depth)

    @property
    def architecture(self) -> Architecture:
        """The network: of the preset's widths, and as deep as wanted. Raises UnknownNameError."""
        found = architecture_of(self.task, self.preset)
        if not isinstance(found, Preset):
            return found
        return replace(
            found,
            levels=found.levels if self.levels is None else self.levels,
            detail_levels=found.detail_levels if self.detail_levels is None else self.detail_levels,
        )

    @property
    def _restorer(self) -> str:
        return self.preset if self.task == UPSCALING else ""

    def files_at(self, step: int) -> int:
        """How many sample files the batch of `step` is drawn from."""
        return min(self.shards, 1 + step // self.shard_steps) if self.shard_steps else self.shards


def _explained(error: ValidationError) -> str:
    parts = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return " ".join(", ".join(parts).replace("Value error, ", "").split())
