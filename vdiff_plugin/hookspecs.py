"""Every seam of vdiff. A plug-in implements any of these and offers things by name.

Register a module or object under the entry-point group `vdiff`; our own parts do the
same. Each hook returns a mapping from name to factory; two offers of one name are an
error, so nothing depends on the order of registration.

Options written after a name, `vgg16:layer=block2_conv2`, reach the factory of a feature
extractor, change detector or aligner as keywords, and a stage's as `options`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pluggy

from vdiff_plugin.contracts import (
    Aligner,
    Backend,
    ChangeDetector,
    Command,
    ExtractorFactory,
    HostAdapter,
    StageFactory,
    WeightsFile,
)

PROJECT = "vdiff"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def vdiff_stages() -> Mapping[str, StageFactory]:  # type: ignore[empty-body]
    """Offer frame-in/frame-out stages for `--stages`."""


@hookspec
def vdiff_extractors() -> Mapping[str, ExtractorFactory]:  # type: ignore[empty-body]
    """Offer feature extractors for `--features`."""


@hookspec
def vdiff_change_detectors() -> Mapping[str, Callable[..., ChangeDetector]]:  # type: ignore[empty-body]
    """Offer ways to turn two feature maps into a change map."""


@hookspec
def vdiff_aligners() -> Mapping[str, Callable[..., Aligner]]:  # type: ignore[empty-body]
    """Offer motion estimators."""


@hookspec
def vdiff_backends() -> Mapping[str, Callable[[], Backend]]:  # type: ignore[empty-body]
    """Offer libraries that run the network."""


@hookspec
def vdiff_weights() -> Sequence[WeightsFile]:  # type: ignore[empty-body]
    """Offer trained weights, one for each pair of task and preset."""


@hookspec
def vdiff_hosts() -> Mapping[str, Callable[[], HostAdapter]]:  # type: ignore[empty-body]
    """Offer host adapters, which `vdiff doctor` lists."""


@hookspec
def vdiff_commands() -> Mapping[str, Callable[[], Command]]:  # type: ignore[empty-body]
    """Offer subcommands; the factory imports late, so that `--help` stays quick."""
