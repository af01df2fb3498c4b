"""What the tests of faults run in processes of their own: on a real file system that fills up or may not be written to.

    python -m tests.training.faults full DATA FOLDER       a small file system is filled up during a run, several times
    python -m tests.training.faults locked DATA FOLDER     one that becomes read-only

FOLDER is a mount point in a name space that is this process's own (`unshare --mount`): what is mounted goes with it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jaxcnn import cli
from jaxcnn.networks import NAMED, Named
from jaxcnn.training import experiment
from tests.training import tiny

EPOCHS = 6


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def begin(data: str, run: Path, *more: str) -> int:
    return cli.main(
        ["train", "--data", data, "--network", "tiny", "--epochs", str(EPOCHS), "--run-dir", str(run), *more]
    )


def resume(run: Path) -> int:
    return cli.main(["train", "--resume", str(run)])


def full(data: str, folder: Path) -> None:
    """Runs on a disk with room for so much, gone on with when there is more; exit codes and epochs kept are printed."""
    assert begin(data, folder.with_name("whole")) == 0
    expected = (folder.with_name("whole") / "params.safetensors").read_bytes()
    for pages in (5, 15):
        mount("-t", "tmpfs", "-o", f"size={4 * pages}k", "tmpfs", str(folder))
        first = begin(data, folder / "run")
        kept = len(list((folder / "run" / "checkpoints").glob("*.json")))
        mount("-o", "remount,size=64m", str(folder))
        second = resume(folder / "run")
        same = (folder / "run" / "params.safetensors").read_bytes() == expected
        print(f"full: ended {first}, kept {kept}, went on {second}, same {same}", flush=True)


def locked(data: str, folder: Path) -> None:
    """A run to go on with, and a new one, where nothing may be written."""
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder))
    assert begin(data, folder / "run") == 0
    (folder / "run" / "summary.json").unlink()
    mount("-o", "remount,ro", str(folder))
    print(f"locked: {begin(data, folder / 'new')} and {resume(folder / 'run')}")


if __name__ == "__main__":
    NAMED["tiny"] = Named(tiny.network, tiny.SHAPE)
    experiment.draw = lambda *_: None
    what, data, folder = sys.argv[1:]
    {"full": full, "locked": locked}[what](data, Path(folder))
