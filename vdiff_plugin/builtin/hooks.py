"""Our own offers. Each factory imports its module when it is called, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from vdiff_plugin.contracts import (
    Aligner,
    Backend,
    ChangeDetector,
    ExtractorFactory,
    FeatureExtractor,
    Services,
    Stage,
    StageFactory,
)
from vdiff_plugin.frame import ClipInfo
from vdiff_plugin.hookspecs import hookimpl
from vdiff_plugin.settings import Settings


@hookimpl
def vdiff_stages() -> Mapping[str, StageFactory]:
    """Restoration, and what an editor keeps beside it."""
    return {
        "vdiff": _stage("restore:open_stage"),
        "colour": _stage("colour:open_stage"),
        "changes": _stage("change_map:open_stage"),
    }


@hookimpl
def vdiff_extractors() -> Mapping[str, ExtractorFactory]:
    """Our network's features, ImageNet's VGG16, and the pixels themselves."""
    return {
        "vdiff": _extractor("restore_features:open_extractor"),
        "vgg16": _extractor("vgg16:open_extractor"),
        "pixel": _extractor("pixel_features:open_extractor"),
    }


@hookimpl
def vdiff_change_detectors() -> Mapping[str, Callable[..., ChangeDetector]]:
    """The method's own detector."""
    return {"absolute": _late("change:AbsoluteChange")}


@hookimpl
def vdiff_aligners() -> Mapping[str, Callable[..., Aligner]]:
    """Optical flow by OpenCV."""
    return {"dis": _late_with_options("flow:open_aligner")}


@hookimpl
def vdiff_backends() -> Mapping[str, Callable[[], Backend]]:
    """Libraries that run the network; they agree on every pixel."""
    return {
        "keras": _late("keras_backend:KerasBackend"),
        "native": _late("native_backend:NativeBackend"),
        "numpy": _late("reference:NumpyBackend"),
        "openvino": _late("openvino_backend:OpenVinoBackend"),
    }


def _late(target: str) -> Callable[[], Any]:
    """A factory of `module:attribute` beside this one."""

    def build() -> Any:
        return _import(target)()

    return build


def _extractor(target: str) -> ExtractorFactory:
    def build(services: Services, **options: str) -> FeatureExtractor:
        extractor: FeatureExtractor = _import(target)(services, **options)
        return extractor

    return build


def _late_with_options(target: str) -> Callable[..., Any]:
    def build(**options: str) -> Any:
        return _import(target)(**options)

    return build


def _stage(target: str) -> StageFactory:
    def build(
        clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
    ) -> Stage:
        stage: Stage = _import(target)(clip, settings, options, services)
        return stage

    return build


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), attribute)
