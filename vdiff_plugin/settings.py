"""Settings: one frozen definition for the command line, TOML, filter strings and hosts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from vdiff_plugin.errors import SettingsError, UnknownNameError
from vdiff_plugin.values import first_refused, refusal

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNIT = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(value: object) -> object:
    """Bytes from `512M`, `2G` or a plain number; anything else is left for pydantic."""
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        return int(float(found[1]) * _UNIT[found[2].lower()])
    return value


def _parse_stages(value: object) -> object:
    return split_stages(value) if isinstance(value, str) else value


def split_stages(text: str) -> tuple[str, ...]:
    """`"vdiff,colour:saturation=1.1"` -> `("vdiff", "colour:saturation=1.1")`."""
    return tuple(part.strip() for part in text.split(","))


def _require_named(stages: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a chain without stages, or with a gap where a stage should stand.

    Raises:
        SettingsError: `vdiff,,colour`, or nothing.
    """
    stages = tuple(each.strip() for each in stages)
    if not any(stages):
        raise SettingsError("stages: none is named; write --stages vdiff or a list of stages")
    if not all(stages):
        raise SettingsError(
            f"stages: {','.join(stages)!r} names no stage between two commas or at an end; take "
            "the spare comma out"
        )
    return stages


def parse_stage(text: str) -> tuple[str, dict[str, str]]:
    """`"colour:saturation=1.1:gamma=0.9"` -> `("colour", {"saturation": "1.1", ...})`.

    Raises:
        SettingsError: an option without `=`.
    """
    name, *pairs = text.split(":")
    options: dict[str, str] = {}
    for pair in pairs:
        option, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"stage {name}: {pair!r} has no value; write {pair}=VALUE")
        if option.strip() in options:
            raise SettingsError(f"stage {name}: {option.strip()} is given twice; give it once")
        options[option.strip()] = value.strip()
    return name.strip(), options


Bytes = Annotated[int, BeforeValidator(parse_size)]
StageList = Annotated[
    tuple[str, ...], BeforeValidator(_parse_stages), AfterValidator(_require_named)
]


class Settings(BaseModel):
    """How a clip is processed. Two equal settings give equal pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    task: str = Field("restore", description="what the weights were trained for")
    preset: str = Field(
        "fast", description="network size: fast or quality; best is quality in four mirrors"
    )
    strength: float = Field(1.0, ge=0, le=1, description="0 leaves the picture, 1 is full effect")
    noise: Literal["auto"] | Annotated[float, Field(ge=0, le=100)] = Field(
        "auto", description="noise level in 8-bit code values, or auto"
    )
    weights: Path | None = Field(None, description="a weights file instead of the bundled one")
    backend: str = Field("auto", description="what runs the network")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|gpu(:\d+)?)$",
        examples=["auto", "cpu", "gpu:0"],
        description="where the network runs: auto, cpu, gpu:0",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="arithmetic of the convolutions"
    )
    tile: int = Field(
        0,
        ge=0,
        multiple_of=16,
        description="tile edge in pixels, multiple of 16; 0 chooses by the free memory",
    )
    cache: Bytes = Field(
        1 << 29,
        ge=0,
        examples=["a size such as 512M"],
        description="bytes of features kept, such as 512M",
    )
    scene_cuts: bool = Field(True, description="do not diffuse across scene cuts")
    dither: bool = Field(False, description="fixed-pattern dither when rounding to 8 bits")
    lookahead: int | None = Field(
        None, ge=0, description="later frames that a frame may depend on; 0 is live, unset is all"
    )
    stages: StageList = Field(("vdiff",), description="chain of stages, in order")

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Validated settings from keywords; strings are read as on the command line.

        Raises:
            UnknownNameError: a keyword that is no setting.
            SettingsError: a value outside its range.
        """
        for name in values:
            if name not in cls.model_fields:
                raise UnknownNameError("setting", name, cls.model_fields)
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error

    @classmethod
    def from_toml(cls, path: Path, **overrides: Any) -> Self:
        """Settings from a TOML file (top-level keys), `overrides` winning.

        Raises:
            SettingsError: unreadable file, bad TOML or bad values.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise SettingsError(f"{path}: {reason}; give a readable TOML file") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = "not text" if isinstance(error, UnicodeDecodeError) else f"{error}"
            raise SettingsError(
                f"{path}: no TOML ({reason}); write lines of NAME = VALUE"
            ) from error
        return cls.of(**{**values, **overrides})

    @classmethod
    def from_options(cls, text: str) -> Self:
        """Settings from a filter-option string: `0.6:task=restore` (first may be strength)."""
        values: dict[str, str] = {}
        for index, pair in enumerate(part for part in text.split(":") if part):
            name, equals, value = pair.partition("=")
            if not equals:
                if index:
                    raise SettingsError(f"{pair!r} has no name; write NAME={pair}")
                name, value = "strength", pair
            values[name] = value
        return cls.of(**values)


def _explain(error: ValidationError) -> str:
    name, value = first_refused(error)
    return refusal(f"{name}: {value!r}", Settings.model_fields[name])
