"""A SLURM of our own: one node, slurmctld and slurmd, in a folder, without munge or root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.host_adapters.farm.jobs import until

LONGEST = 4  # tasks of an array
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "squeue")
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_OVER = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}

# Nobody is authenticated: it listens on this machine for as long as the tests run.
_CONF = """\
ClusterName=vdiff
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
MaxArraySize={longest}
KillWait=1
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 Port={node} CPUs=4 RealMemory=16384
PartitionName=all Nodes=node Default=YES MaxTime=INFINITE
"""

# Kills daemons, jobs and what keeps watch over jobs, known by their environment, when the
# tests are done with them or are themselves killed.
_GUARD = """
cat
while
    found=
    for process in /proc/[0-9]*; do
        if grep -qzxF "SLURM_CONF=$1" "$process/environ"; then
            kill -KILL "${process#/proc/}"
            found=yes
        fi
    done 2>/dev/null
    [ "$found" ]
do sleep 0.1; done
"""


def lacking_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]


class Slurm:
    """One that runs.

    Args:
        folder: its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_"))
        } | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _PATH}

    def __call__(self, *words: str) -> str:
        """What one of its commands says."""
        done = self._run(words)
        assert done.returncode == 0, f"{words}: {done.stderr}\n{self.logs()}"
        return done.stdout

    def is_up(self) -> bool:
        return "State=IDLE" in self._run(("scontrol", "show", "node", "node")).stdout

    def _run(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def states(self, job: str) -> dict[str, str]:
        """The state of a job, or of each task of an array by its number."""
        told = {}
        for line in self("scontrol", "show", "job", "--oneliner", job).splitlines():
            fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
            told[fields.get("ArrayTaskId", "")] = fields["JobState"]
        return told

    def ended(self, job: str) -> dict[str, str]:
        """The same, when all of it is over."""

        def over() -> dict[str, str]:
            told = self.states(job)
            return told if set(told.values()) <= _OVER else {}

        found: dict[str, str] = until(over, 180)  # busy machines schedule late
        return found

    def logs(self) -> str:
        """What the daemons said."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


@contextmanager
def own_slurm(folder: Path) -> Iterator[Slurm]:
    """A SLURM, gone at the end of the block with all that it started."""
    slurm = Slurm(folder)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    control, node = _free_ports(2)
    text = _CONF.format(
        control=control,
        node=node,
        user=os.getuid(),
        folder=folder,
        longest=LONGEST,
        host=socket.gethostname().split(".")[0],
    )
    (folder / "slurm.conf").write_text(text)
    # None are used; but slurmd insists on a plug-in for them, and v2's needs systemd.
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    with ExitStack() as stack:
        stack.enter_context(_guard(slurm))
        for words in (("slurmctld", "-D"), ("slurmd", "-D", "-N", "node")):
            stack.enter_context(_daemon(slurm, *words))
        try:
            until(slurm.is_up, 30)
        except AssertionError as error:
            raise AssertionError(f"SLURM does not come up:\n{slurm.logs()}") from error
        yield slurm


@contextmanager
def _guard(slurm: Slurm) -> Iterator[None]:
    """Nothing of it is left after the block, or after us."""
    process = subprocess.Popen(
        ["bash", "-c", _GUARD, "guard", slurm.environment["SLURM_CONF"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.communicate(timeout=30)


@contextmanager
def _daemon(slurm: Slurm, name: str, *words: str) -> Iterator[None]:
    """Run one in the foreground until the end of the block."""
    with (slurm.folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [name, *words],
            env=slurm.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
