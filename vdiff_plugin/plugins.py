"""What plug-ins offer: found through entry points, checked, merged by name.

Our own parts arrive the same way as a stranger's: entry points of the group `vdiff`
name modules that implement the hooks of `hookspecs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from vdiff_plugin import hookspecs
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
from vdiff_plugin.errors import PluginError, UnknownNameError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")  # free of the `,:=` that stage lists are made of


class Catalogue[T]:
    """What is on offer under one hook, by name.

    Args:
        kind: what one entry is, for messages: "stage".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._offers: dict[str, tuple[T, str]] = {}

    def add(self, name: str, value: T, source: str) -> None:
        """Take an offer from the plug-in `source`.

        Raises:
            PluginError: a name that cannot be written in a stage list, or a second
                offer of a name.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"plug-in {source} offers {self.kind} {name!r}; "
                "a name is lower-case letters, digits, - and _"
            )
        if name in self._offers:
            raise PluginError(
                f"{self.kind} {name!r} is offered by {self._offers[name][1]} and by {source}; "
                "rename one or uninstall it"
            )
        self._offers[name] = (value, source)

    def find(self, name: str) -> T:
        """The offer called `name`. Raises UnknownNameError, which lists what exists."""
        return self._entry(name)[0]

    def source(self, name: str) -> str:
        """The plug-in that offers `name`. Raises UnknownNameError."""
        return self._entry(name)[1]

    def _entry(self, name: str) -> tuple[T, str]:
        if name not in self._offers:
            raise UnknownNameError(self.kind, name, self._offers)
        return self._offers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._offers

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._offers))

    def __len__(self) -> int:
        return len(self._offers)


@dataclass(frozen=True, kw_only=True)
class Offers:
    """Everything that the plug-ins of one manager offer."""

    stages: Catalogue[StageFactory]
    extractors: Catalogue[ExtractorFactory]
    change_detectors: Catalogue[Callable[..., ChangeDetector]]
    aligners: Catalogue[Callable[..., Aligner]]
    backends: Catalogue[Callable[[], Backend]]
    hosts: Catalogue[Callable[[], HostAdapter]]
    commands: Catalogue[Callable[[], Command]]
    weights: tuple[WeightsFile, ...]
    plugins: tuple[str, ...]  # "echo of vdiff-echo 0.1", one a plug-in, sorted

    def weights_for(self, task: str, preset: str) -> WeightsFile:
        """The weights offered for `task` in size `preset`.

        Raises:
            UnknownNameError: no such task, or no such preset of this task.
        """
        presets = {each.preset: each for each in self.weights if each.task == task}
        if not presets:
            raise UnknownNameError("task", task, {each.task for each in self.weights})
        if preset not in presets:
            raise UnknownNameError("preset", preset, presets, f" for task {task}")
        return presets[preset]


def load_offers() -> Offers:
    """The offers of all installed plug-ins.

    Raises:
        PluginError: a plug-in that cannot be imported or breaks a contract, or none at all.
    """
    points = entry_points(group=hookspecs.PROJECT)
    if not points:
        raise PluginError("no plug-ins found, not even our own; install the package vdiff-plugin")
    return collect(build_manager(points))


def build_manager(points: Iterable[EntryPoint] = ()) -> pluggy.PluginManager:
    """A manager that knows our hooks and has the plug-ins of `points` registered."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for point in points:
        register(manager, _load(point), _describe(point))
    return manager


def register(manager: pluggy.PluginManager, plugin: object, source: str) -> None:
    """Register one plug-in under the name that messages will use.

    Raises:
        PluginError: registered before, or a hook with arguments that ours does not have.
    """
    try:
        manager.register(plugin, name=source)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginError(f"plug-in {source}: {_one_line(error)}; mend or uninstall it") from error


def collect(manager: pluggy.PluginManager) -> Offers:
    """Ask every plug-in of `manager` what it offers, once.

    Raises:
        PluginError: a misspelt hook, an answer of the wrong type, or two offers of one name.
    """
    _refuse_unknown_hooks(manager)
    return Offers(
        stages=_merge(manager, "vdiff_stages", "stage"),
        extractors=_merge(manager, "vdiff_extractors", "feature extractor"),
        change_detectors=_merge(manager, "vdiff_change_detectors", "change detector"),
        aligners=_merge(manager, "vdiff_aligners", "aligner"),
        backends=_merge(manager, "vdiff_backends", "backend"),
        hosts=_merge(manager, "vdiff_hosts", "host"),
        commands=_merge(manager, "vdiff_commands", "command"),
        weights=_merge_weights(manager),
        plugins=tuple(sorted(name for name, _ in manager.list_name_plugin())),
    )


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise PluginError(
            f"plug-in {_describe(point)} cannot be imported "
            f"({type(error).__name__}: {_one_line(error)}); mend or uninstall it"
        ) from error


def _describe(point: EntryPoint) -> str:
    if point.dist is None:
        return point.name
    return f"{point.name} of {point.dist.name} {point.dist.version}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _refuse_unknown_hooks(manager: pluggy.PluginManager) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = sorted(name for name in vars(hookspecs) if name.startswith("vdiff_"))
        raise PluginError(
            f"plug-in {manager.get_name(error.plugin)}: {_unknown_hook(manager, error.plugin)!r} "
            f"is no hook of vdiff; have {', '.join(known)}"
        ) from error


def _unknown_hook(manager: pluggy.PluginManager, plugin: object) -> str:
    callers = manager.get_hookcallers(plugin) or []
    return next(caller.name for caller in callers if not caller.has_spec())


def _answers(manager: pluggy.PluginManager, hook: str) -> Iterator[tuple[str, Any]]:
    """(plug-in, what its implementation of `hook` returned), one by one.

    Not through the hook's own call, which would not say whose answer is whose.
    """
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        source = implementation.plugin_name
        try:
            yield source, implementation.function()
        except Exception as error:
            raise PluginError(
                f"plug-in {source}: {hook} failed "
                f"({type(error).__name__}: {_one_line(error)}); mend or uninstall it"
            ) from error


def _merge(manager: pluggy.PluginManager, hook: str, kind: str) -> Catalogue[Any]:
    merged = Catalogue[Any](kind)
    for source, answer in _answers(manager, hook):
        if not isinstance(answer, Mapping) or not all(map(callable, answer.values())):
            raise PluginError(
                f"plug-in {source}: {hook} gave {type(answer).__name__}; "
                "return a mapping from names to factories"
            )
        for name, factory in answer.items():
            merged.add(name, factory, source)
    return merged


def _merge_weights(manager: pluggy.PluginManager) -> tuple[WeightsFile, ...]:
    offered: dict[tuple[str, str], tuple[WeightsFile, str]] = {}
    for source, answer in _answers(manager, "vdiff_weights"):
        for weights in _checked_weights(source, answer):
            key = (weights.task, weights.preset)
            if key in offered:
                raise PluginError(
                    f"weights for task {key[0]!r}, preset {key[1]!r} are offered by "
                    f"{offered[key][1]} and by {source}; uninstall one"
                )
            offered[key] = (weights, source)
    return tuple(offered[key][0] for key in sorted(offered))


def _checked_weights(source: str, answer: Any) -> list[WeightsFile]:
    weights = list(answer) if isinstance(answer, list | tuple) else [answer]
    if not all(isinstance(each, WeightsFile) for each in weights):
        raise PluginError(
            f"plug-in {source}: vdiff_weights gave {type(answer).__name__}; "
            "return a sequence of WeightsFile"
        )
    return weights
