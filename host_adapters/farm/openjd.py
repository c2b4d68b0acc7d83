"""A job as an Open Job Description template, and as an AWS Deadline Cloud job bundle.

Written by hand as YAML: a template is text that people read, comment on and change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from vdiff_plugin.atomic import require_writable, unwritable
from vdiff_plugin.farm.folder import JobFolder, write_text
from vdiff_plugin.farm.manifest import Manifest

_TEMPLATE = """\
specificationVersion: jobtemplate-2023-09
extensions: [TASK_CHUNKING]
name: {name}
description: {description}
parameterDefinitions:
  - name: Job
    type: PATH
    objectType: DIRECTORY
    dataFlow: INOUT
    description: Folder that vdiff farm plan made; every worker must reach it.
  - name: Source
    type: PATH
    objectType: FILE
    dataFlow: IN
    description: The video that was planned with.
  - name: Out
    type: PATH
    objectType: FILE
    dataFlow: OUT
    description: The video that the last step writes.
  - name: Frames
    type: STRING
    default: {frames}
    description: Frames to render.
  - name: ChunkFrames
    type: INT
    minValue: 1
    default: {chunk_frames}
    description: Frames of a task, at most; as planned, tasks are the job's own chunks.
  - name: Vdiff
    type: STRING
    default: vdiff
    description: The program on the workers.
steps:
  - name: Render
{environments}\
    parameterSpace:
      taskParameterDefinitions:
        - name: Frame
          type: CHUNK[INT]
          range: "{{{{Param.Frames}}}}"
          chunks:
            defaultTaskCount: "{{{{Param.ChunkFrames}}}}"
            targetRuntimeSeconds: 0
            rangeConstraint: CONTIGUOUS
    script:
      actions:
        onRun:
          command: "{{{{Param.Vdiff}}}}"
          args:
            - farm
            - render
            - "{{{{Param.Job}}}}"
            - --range
            - "{{{{Task.Param.Frame}}}}"
            - --source
            - "{{{{Param.Source}}}}"
            - --progress
            - openjd
          cancelation:
            mode: NOTIFY_THEN_TERMINATE
            notifyPeriodInSeconds: 15
  - name: Join
    dependencies:
      - dependsOn: Render
    script:
      actions:
        onRun:
          command: "{{{{Param.Vdiff}}}}"
          args:
            - farm
            - join
            - "{{{{Param.Job}}}}"
            - --source
            - "{{{{Param.Source}}}}"
            - --out
            - "{{{{Param.Out}}}}"
            - --wait
            - "60"
            - --progress
            - openjd
"""

# The model is loaded once a session, not once a task.
_ENVIRONMENTS = """\
    stepEnvironments:
      - name: Model
        description: A process that keeps the network loaded over many tasks.
        script:
          actions:
            onEnter:
              command: "{{Param.Vdiff}}"
              args:
                - farm
                - serve
                - "{{Param.Job}}"
                - --source
                - "{{Param.Source}}"
                - --socket
                - "{{Session.WorkingDirectory}}/vdiff.sock"
                - --detach
            onExit:
              command: "{{Param.Vdiff}}"
              args:
                - farm
                - serve
                - "{{Param.Job}}"
                - --socket
                - "{{Session.WorkingDirectory}}/vdiff.sock"
                - --stop
"""


def template(manifest: Manifest, *, server: bool = True) -> str:
    """The template of a job, YAML.

    Args:
        manifest: of the job.
        server: keep the network loaded from task to task of a session.
    """
    name = Path(manifest.source.path).name
    return _TEMPLATE.format(
        name=json.dumps(_fitting(f"vdiff {name}"), ensure_ascii=False),
        description=json.dumps(f"Restores {len(manifest.span)} frames; job {manifest.job}."),
        frames=json.dumps(f"{manifest.span.first}-{manifest.span.last}"),
        chunk_frames=manifest.chunk_frames,
        environments=_ENVIRONMENTS if server else "",
    )


def write_template(
    folder: JobFolder, path: Path, *, server: bool = True, overwrite: bool = False
) -> Path:
    """Write the template to a file. Raises OutputError."""
    require_writable(path, overwrite=overwrite, sources=())
    write_text(path, template(folder.manifest, server=server))
    return path


def write_bundle(
    folder: JobFolder, path: Path, *, server: bool = True, overwrite: bool = False
) -> Path:
    """Write a Deadline Cloud job bundle: a folder to give to `deadline bundle submit`.

    Raises:
        OutputError: the folder cannot be written, or has files of these names.
    """
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(path, error.errno) from error
    files = {
        "template.yaml": template(folder.manifest, server=server),
        "parameter_values.yaml": parameter_values(folder),
        "asset_references.yaml": asset_references(folder),
    }
    for name in files:
        require_writable(path / name, overwrite=overwrite, sources=())
    for name, text in files.items():
        write_text(path / name, text)
    return path


def parameters(folder: JobFolder) -> Mapping[str, str]:
    """The values of the template's parameters on this machine."""
    return {
        "Job": str(folder.path.resolve()),
        "Source": folder.manifest.source.path,
        "Out": folder.manifest.out,
    }


def parameter_values(folder: JobFolder) -> str:
    """`parameter_values.yaml` of a bundle."""
    lines = [
        f"  - name: {name}\n    value: {json.dumps(value, ensure_ascii=False)}"
        for name, value in parameters(folder).items()
    ]
    return "\n".join(["parameterValues:", *lines]) + "\n"


def asset_references(folder: JobFolder) -> str:
    """`asset_references.yaml` of a bundle: what to send to workers, and what comes back."""
    place = {k: json.dumps(v, ensure_ascii=False) for k, v in parameters(folder).items()}
    out = json.dumps(str(Path(folder.manifest.out).parent), ensure_ascii=False)
    return (
        "assetReferences:\n"
        "  inputs:\n"
        f"    filenames:\n      - {place['Source']}\n"
        f"    directories:\n      - {place['Job']}\n"
        "  outputs:\n"
        f"    directories:\n      - {place['Job']}\n      - {out}\n"
        "  referencedPaths: []\n"
    )


def _fitting(name: str) -> str:
    """At most 128 characters, none of them a control or a brace: format strings use those."""
    kept = "".join(each for each in name if each.isprintable() and each not in "{}")
    return kept[:128]
