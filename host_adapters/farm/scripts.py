"""Plain array jobs: a script for SLURM, and one for GNU parallel or any shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from vdiff_plugin.atomic import require_writable
from vdiff_plugin.errors import UnknownNameError
from vdiff_plugin.farm.folder import JobFolder, write_text

KINDS = ("slurm", "parallel")

_SLURM = """\
#!/bin/bash
# Renders {job} on SLURM and joins it:  bash {name} [SBATCH OPTIONS]
# sbatch runs this file again: for the tasks of an array, and to join what they rendered.
#SBATCH --job-name=vdiff
set -euo pipefail
job={job}
source={source}
out={out}
last={last}
case "${{1:-}}" in
chunk)
    first=$((SLURM_ARRAY_TASK_ID * $2))
    end=$((first + $2 - 1))
    chunks=$first-$((end < last ? end : last))
    exec vdiff farm render "$job" --chunk "$chunks" --source "$source" --progress none
    ;;
join)
    exec vdiff farm join "$job" --source "$source" --out "$out" --wait 60 --progress none
    ;;
*)
    # Where the cluster's arrays are shorter than the job, a task renders several chunks.
    longest=$(scontrol show config | awk '$1 == "MaxArraySize" {{print $3}}' || true)
    each=$((last / ${{longest:-1001}} + 1))
    tasks=0-$((last / each))%{at_once}
    array=$(sbatch "$@" --parsable --array="$tasks" --requeue "$0" chunk "$each")
    sbatch "$@" --dependency="afterok:${{array%%;*}}" --kill-on-invalid-dep=yes "$0" join
    ;;
esac
"""

_PARALLEL = """\
#!/bin/bash
# Renders {job} with GNU parallel and joins it:  bash {name} [PARALLEL OPTIONS]
# With --sshloginfile HOSTS parallel spreads the chunks over machines.
set -euo pipefail
job={job}
source={source}
out={out}
seq 0 {last} | parallel --halt soon,fail=20% --retries 3 "$@" \\
    vdiff farm render "$job" --chunk {{}} --source "$source" --progress none
exec vdiff farm join "$job" --source "$source" --out "$out" --wait 60 --progress none
"""
_AT_ONCE = 200  # tasks of the array that SLURM may run together


def script(folder: JobFolder, kind: str, name: str = "script.sh") -> str:
    """The text of a script.

    Args:
        folder: the job.
        kind: one of `KINDS`.
        name: of the script's file, for its own first lines.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("script", kind, KINDS)
    manifest = folder.manifest
    return (_SLURM if kind == "slurm" else _PARALLEL).format(
        name=shlex.quote(name),
        job=shlex.quote(str(folder.path.resolve())),
        source=shlex.quote(manifest.source.path),
        out=shlex.quote(manifest.out),
        last=len(manifest.chunks) - 1,
        at_once=_AT_ONCE,
    )


def write_script(folder: JobFolder, kind: str, path: Path, *, overwrite: bool = False) -> Path:
    """Write a script to a file. Raises OutputError."""
    text = script(folder, kind, path.name)
    require_writable(path, overwrite=overwrite, sources=())
    write_text(path, text)
    return path
