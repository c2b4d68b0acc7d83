from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path
from typing import Any

import pytest

from tests.vdiff_plugin.chain import offers_of, plugin
from vdiff_plugin.contracts import WeightsFile
from vdiff_plugin.errors import PluginError, UnknownNameError
from vdiff_plugin.plugins import Catalogue, build_manager, collect, load_offers, register


def no_factory(*_: object) -> Any:
    raise AssertionError("a factory was called before its name was asked for")


def test_our_own_parts_arrive_through_entry_points() -> None:
    offers = load_offers()
    assert {"vdiff", "colour"} <= set(offers.stages)
    assert {"vdiff", "vgg16", "pixel"} <= set(offers.extractors)
    assert offers.stages.source("colour").startswith("builtin of vdiff-plugin ")
    assert any(each.startswith("builtin of vdiff-plugin ") for each in offers.plugins)


def test_loading_what_is_offered_imports_nothing_heavy() -> None:
    code = (
        "import sys, vdiff_plugin.plugins as p; p.load_offers(); "
        "heavy = {'tensorflow', 'keras', 'cv2', 'av', 'openvino'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("hook", "kind"),
    [
        ("vdiff_stages", "stage"),
        ("vdiff_extractors", "feature extractor"),
        ("vdiff_change_detectors", "change detector"),
        ("vdiff_aligners", "aligner"),
        ("vdiff_backends", "backend"),
        ("vdiff_hosts", "host"),
        ("vdiff_commands", "command"),
    ],
)
def test_two_offers_of_one_name_are_refused_and_both_named(hook: str, kind: str) -> None:
    one, two = (plugin(**{hook: lambda: {"twice": no_factory}}) for _ in range(2))
    with pytest.raises(PluginError) as caught:
        offers_of(one, two)
    message = str(caught.value)
    assert message.startswith(f"{kind} 'twice' is offered by ")
    assert "plug-in 0 of tests" in message
    assert "plug-in 1 of tests" in message


def test_a_stranger_cannot_replace_a_built_in() -> None:
    with pytest.raises(PluginError, match="stage 'colour' is offered by builtin of vdiff-plugin"):
        offers_of(plugin(vdiff_stages=lambda: {"colour": no_factory}))


def test_a_misspelt_hook_is_refused_with_the_hooks_there_are() -> None:
    with pytest.raises(
        PluginError, match="'vdiff_stagez' is no hook of vdiff; have .*vdiff_stages"
    ):
        offers_of(plugin(vdiff_stagez=lambda: {}))


def test_a_hook_with_arguments_of_its_own_is_refused() -> None:
    def vdiff_stages(clip: object) -> dict[str, object]:
        return {}

    strange: Any = vdiff_stages
    with pytest.raises(PluginError, match="plug-in 0 of tests: .*clip.*; mend or uninstall it"):
        offers_of(plugin(vdiff_stages=strange))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda: None, "vdiff_stages gave NoneType; return a mapping"),
        (lambda: ["echo"], "vdiff_stages gave list; return a mapping"),
        (lambda: {"echo": 3}, "vdiff_stages gave dict; return a mapping from names to factories"),
        (lambda: {"Echo": no_factory}, "offers stage 'Echo'; a name is lower-case"),
        (lambda: {"echo,b": no_factory}, "offers stage 'echo,b'; a name is lower-case"),
        (lambda: 1 / 0, r"vdiff_stages failed \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_named(
    answer: Callable[[], Any], message: str
) -> None:
    with pytest.raises(PluginError, match=f"plug-in 0 of tests.*{message}"):
        offers_of(plugin(vdiff_stages=answer))


def weights(task: str, preset: str, folder: str = "a") -> WeightsFile:
    return WeightsFile(path=Path(folder) / f"{task}-{preset}", task=task, preset=preset)


def test_weights_are_found_by_task_and_preset() -> None:
    wanted = weights("restore", "quality")
    offered = [weights("restore", "fast"), wanted, weights("denoise", "fast")]
    offers = offers_of(plugin(vdiff_weights=lambda: offered))
    assert offers.weights_for("restore", "quality") is wanted
    with pytest.raises(UnknownNameError, match="no task 'sharpen'; have denoise, restore"):
        offers.weights_for("sharpen", "fast")
    with pytest.raises(UnknownNameError, match="no preset 'quality' for task denoise; have fast"):
        offers.weights_for("denoise", "quality")


def test_weights_offered_twice_or_of_another_type_are_refused() -> None:
    same = [plugin(vdiff_weights=lambda: [weights("restore", "fast")]) for _ in range(2)]
    with pytest.raises(PluginError, match="task 'restore', preset 'fast' are offered by plug-in"):
        offers_of(*same)
    with pytest.raises(PluginError, match="vdiff_weights gave dict; return a sequence"):
        offers_of(plugin(vdiff_weights=lambda: {"restore": no_factory}))


def test_a_plugin_registered_twice_is_refused() -> None:
    manager = build_manager()
    echo = plugin(vdiff_stages=lambda: {})
    register(manager, echo, "one")
    with pytest.raises(PluginError, match="plug-in two: .*already registered"):
        register(manager, echo, "two")


def test_a_catalogue_lists_its_names_in_order() -> None:
    catalogue = Catalogue[int]("thing")
    for name in ("b", "a"):
        catalogue.add(name, len(catalogue), "tests")
    assert (list(catalogue), len(catalogue), "a" in catalogue) == (["a", "b"], 2, True)
    assert catalogue.find("a") == 1
    with pytest.raises(UnknownNameError, match="no thing 'c'; have a, b"):
        catalogue.source("c")


def _install(folder: Path, module: str) -> None:
    """Lay out a distribution as an installer would."""
    (folder / "vdiff_broken.py").write_text(module)
    info = folder / "vdiff_broken-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vdiff-broken\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[vdiff]\nsharp = vdiff_broken\n")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            "import a_library_that_is_not_there",
            "plug-in sharp of vdiff-broken 0.3 cannot be imported (ModuleNotFoundError: "
            "No module named 'a_library_that_is_not_there'); mend or uninstall it",
        ),
        (
            "def broken(:",
            "plug-in sharp of vdiff-broken 0.3 cannot be imported (SyntaxError: "
            "invalid syntax (vdiff_broken.py, line 1)); mend or uninstall it",
        ),
    ],
)
def test_a_broken_installed_plugin_is_one_line_that_names_its_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, message: str
) -> None:
    _install(tmp_path, module)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError) as caught:
        load_offers()
    assert str(caught.value) == message


def test_an_installed_plugin_is_found_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(
        tmp_path,
        "from vdiff_plugin.hookspecs import hookimpl\n"
        "@hookimpl\n"
        "def vdiff_change_detectors():\n"
        "    return {'sharp': object}\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("sharp", "vdiff_broken", "vdiff")
    distribution = PathDistribution(tmp_path / "vdiff_broken-0.3.dist-info")
    assert list(distribution.entry_points) == [point]
    try:
        offers = load_offers()
    finally:
        sys.modules.pop("vdiff_broken", None)
    assert offers.change_detectors.source("sharp") == "sharp of vdiff-broken 0.3"
    assert "absolute" in offers.change_detectors


def test_no_plugins_at_all_says_how_to_get_ours() -> None:
    code = (
        "import importlib.metadata as m, vdiff_plugin.plugins as p; "
        "p.entry_points = lambda group: m.EntryPoints(()); p.load_offers()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert "PluginError: no plug-ins found, not even our own; install" in done.stderr


def test_a_manager_without_plugins_offers_nothing() -> None:
    offers = collect(build_manager())
    assert not len(offers.stages)
    with pytest.raises(UnknownNameError, match="no task 'restore'; have none"):
        offers.weights_for("restore", "fast")
