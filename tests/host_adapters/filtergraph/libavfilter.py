"""libavfilter's own graph parser, called in the library that PyAV brings along."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from functools import cache
from pathlib import Path

import av

Parsed = list[list[tuple[str, str, list[tuple[str, str]], list[str], list[str]]]]


class _Pad(Structure):
    _fields_ = (("label", c_char_p),)


class _Params(Structure):
    _fields_ = (
        ("filter", c_void_p),
        ("filter_name", c_char_p),
        ("instance_name", c_char_p),
        ("opts", c_void_p),
        ("inputs", POINTER(POINTER(_Pad))),
        ("nb_inputs", c_uint),
        ("outputs", POINTER(POINTER(_Pad))),
        ("nb_outputs", c_uint),
    )


class _Chain(Structure):
    _fields_ = (("filters", POINTER(POINTER(_Params))), ("nb_filters", c_size_t))


class _Segment(Structure):
    _fields_ = (
        ("graph", c_void_p),
        ("chains", POINTER(POINTER(_Chain))),
        ("nb_chains", c_size_t),
        ("scale_sws_opts", c_char_p),
    )


class _Entry(Structure):
    _fields_ = (("key", c_char_p), ("value", c_char_p))


@cache
def _libraries() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    folder = Path(av.__file__).parent.parent / "av.libs"
    found = [
        ctypes.CDLL(str(next(folder.glob(f"lib{name}-*.so*")))) for name in ("avfilter", "avutil")
    ]
    found[0].avfilter_graph_alloc.restype = c_void_p
    found[1].av_dict_iterate.restype = POINTER(_Entry)
    found[1].av_dict_iterate.argtypes = (c_void_p, c_void_p)
    found[1].av_log_set_level(-8)
    return found[0], found[1]


def parse(text: str) -> tuple[Parsed, str] | None:
    """Chains and scaler flags as libavfilter reads them; None where it refuses."""
    filters, _ = _libraries()
    graph = c_void_p(filters.avfilter_graph_alloc())
    segment = POINTER(_Segment)()
    done = filters.avfilter_graph_segment_parse(
        graph, c_char_p(text.encode()), c_int(0), byref(segment)
    )
    try:
        if done < 0:
            return None
        found = segment.contents
        chains = [_chain(found.chains[n].contents) for n in range(found.nb_chains)]
        return chains, (found.scale_sws_opts or b"").decode().removeprefix("flags=")
    finally:
        filters.avfilter_graph_segment_free(byref(segment))
        filters.avfilter_graph_free(byref(graph))


def _chain(chain: _Chain) -> list[tuple[str, str, list[tuple[str, str]], list[str], list[str]]]:
    return [_filter(chain.filters[n].contents) for n in range(chain.nb_filters)]


def _filter(each: _Params) -> tuple[str, str, list[tuple[str, str]], list[str], list[str]]:
    return (
        each.filter_name.decode(),
        (each.instance_name or b"").decode(),
        _options(each.opts),
        [(each.inputs[n].contents.label or b"").decode() for n in range(each.nb_inputs)],
        [(each.outputs[n].contents.label or b"").decode() for n in range(each.nb_outputs)],
    )


def _options(opts: int | None) -> list[tuple[str, str]]:
    _, util = _libraries()
    found, entry = [], util.av_dict_iterate(opts, None)
    while entry:
        found.append((entry.contents.key.decode(), entry.contents.value.decode()))
        entry = util.av_dict_iterate(opts, entry)
    return found
