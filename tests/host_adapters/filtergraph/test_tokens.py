"""Our reading of filter graphs against libavfilter's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_adapters.filtergraph.options import named_options, split_options
from host_adapters.filtergraph.script import read_script, without_comments
from host_adapters.filtergraph.tokens import Filter, parse, quoted, read, token
from tests.host_adapters.filtergraph import libavfilter
from vdiff_plugin.errors import UsageError, VdiffError

PIECES = st.sampled_from(
    [
        *("[", "]", ",", ";", "=", ":", "@", "\\", "'", " ", "\n", "a", "b", "[a]", "[b]", "x=1"),
        *("scale", "null", "sws_flags=", "w=2", "vdiff=0.6", "text='a:b'", "\\,", "\\\\", "'[x]'"),
    ]
)
SOUP = st.lists(PIECES, max_size=14).map("".join)
WORDS = st.text("ab1_ \\',;[]=:@é\n", min_size=1, max_size=6)


@st.composite
def graphs(draw: st.DrawFn) -> str:
    """Graphs that obey the grammar, with every character quoted where it has to be."""
    label = st.sampled_from(["", "", "[a]", "[ b ]", "[0:v]", "[c][d]"])
    blank = st.sampled_from(["", "", " ", "\n  "])

    def one() -> str:
        name = draw(st.sampled_from(["null", "scale@one", "overlay", "vdiff", "nothing"]))
        value = draw(st.sampled_from(["", "=w={}", "=w={}:h={}", "='w={}'"]))
        args = value.replace("{}", "%s") % tuple(
            quoted(draw(WORDS)).replace("'", "") for _ in range(value.count("{}"))
        )
        return draw(label) + draw(blank) + name + args + draw(blank) + draw(label)

    chains = [
        ",".join(one() for _ in range(draw(st.integers(1, 3))))
        for _ in range(draw(st.integers(1, 3)))
    ]
    flags = draw(st.sampled_from(["", "sws_flags=bicubic+accurate_rnd;", "sws_flags=;"]))
    return draw(blank) + flags + ";".join(chains) + draw(st.sampled_from(["", ";", "\n"]))


def compare(text: str) -> bool:
    """True if libavfilter accepts `text`, and then ours is the same."""
    theirs = libavfilter.parse(text)
    if theirs is None:
        return False
    ours = read(text)
    chains, flags = theirs
    assert ours.sws_flags == flags
    assert [len(chain) for chain in ours.chains] == [len(chain) for chain in chains]
    for mine, other in zip(
        (each for chain in ours.chains for each in chain),
        (each for chain in chains for each in chain),
        strict=True,
    ):
        name, instance, options, inputs, outputs = other
        assert (mine.name, mine.instance) == (name, instance)
        assert (list(mine.inputs), list(mine.outputs)) == (inputs, outputs)
        split = split_options(mine.args or "")
        if all(key for key, _ in split):  # else libavfilter gives positional ones their names
            assert split == options
    return True


@settings(max_examples=2000, deadline=None)
@given(SOUP)
def test_what_libavfilter_accepts_we_read_alike(text: str) -> None:
    compare(text)


@settings(max_examples=800, deadline=None)
@given(graphs())
def test_well_formed_graphs_are_read_alike(text: str) -> None:
    compare(text)


@settings(max_examples=800, deadline=None)
@given(graphs())
def test_a_graph_written_out_reads_the_same(text: str) -> None:
    try:
        found = parse(text)
    except VdiffError:
        return
    again = ";".join(",".join(each.text() for each in chain) for chain in found.chains)
    assert parse(again).chains == found.chains


@pytest.mark.parametrize(
    "text",
    [
        "vdiff",
        "hflip,vdiff=strength=0.6,scale=32:16",
        "[0:v]split[a][b];[a]vdiff@one=strength=0.5[c];[b][c]overlay=10:10",
        "sws_flags=lanczos;scale=32:16",
        r"drawtext=text='it\: 5 o''clock':x=1",
        "select='eq(n\\,0)+between(t,1,2)'",
    ],
)
def test_usual_graphs_are_accepted_by_both(text: str) -> None:
    assert compare(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a filter's name is missing"),
        ("null,,null", "a filter's name is missing in 'null,,null'"),
        ("[a", "a label has no ']'"),
        ("[]null", "a label is empty"),
        ("null=1]x", "']' is in the way near ']x'"),
        ("sws_flags=x", "not terminated"),
    ],
)
def test_a_broken_graph_says_where(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse(text)


@given(st.text("ab \\',;[]\n", max_size=12))
def test_quoting_is_undone_by_a_token(text: str) -> None:
    assert token(quoted(text), 0, "[],;")[0] == text


def test_positional_options_end_with_the_first_named_one() -> None:
    assert named_options("0.5:fast", ("strength", "preset")) == {
        "strength": "0.5",
        "preset": "fast",
    }
    with pytest.raises(UsageError, match="No option name near '3'"):
        named_options("task=restore:3", ("strength",))


def test_scripts_have_comments_and_newlines(tmp_path: object) -> None:
    text = "# a film\n[0:v] null,\n   # not this: ,,\n vdiff=0.5 [out]\n"
    (only,) = parse(without_comments(text)).chains
    assert only == (
        Filter("null", inputs=("0:v",)),
        Filter("vdiff", args="0.5", outputs=("out",)),
    )
    assert without_comments("drawtext='a\n# b'\n") == "drawtext='a\n# b'\n"


def test_a_script_that_is_not_there_is_named(tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(VdiffError, match="nowhere.txt: No such file"):
        read_script(Path(str(tmp_path)) / "nowhere.txt")
