"""`jaxcnn COMMAND ...`: a thin shell. A command is a typed function; its signature is its `--help`.

A command returns its exit code and raises `UserError` for what a person can mend, which ends here, in one sentence.

    exit code    0    done
                 1    done, and the answer is bad (a run that diverged, gradients that disagree)
                 2    cannot be done as asked
                 130  interrupted
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from jaxcnn.errors import UserError

INTERRUPTED = 130

# Only the module of the command that was asked for is imported: `jaxcnn --help` answers without JAX.
COMMANDS = {
    "train": ("jaxcnn.training.command:train", "train a network and write what it learnt to a folder"),
    "runs": ("jaxcnn.training.runs:runs", "list run directories, and draw their curves over each other"),
    "agree": ("jaxcnn.agreement.command:agree", "is this gradient right? compare, referee, and write a report"),
    "flow": ("analysis.gradient_flow.command:flow", "vanishing and exploding gradients, predicted and measured"),
    "examples": ("analysis.worked_examples.command:examples", "run every statement of the seed documents and judge it"),
    "regions": ("analysis.linear_regions.command:regions", "draw and count the exact linear regions of a ReLU network"),
    "predict": ("jaxcnn.prediction.command:predict", "say what a network takes pictures for"),
    "depth": ("analysis.depth.command:depth", "what depth costs; what shortcuts and batch norm do"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a mistake, an interrupt, a full disk is one sentence on stderr."""
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help"):
        print(overview())
        return 0
    try:
        if command not in COMMANDS:
            raise UserError(f"no such command; choose from {', '.join(COMMANDS)}")
        return run(command, rest)
    except UserError as error:
        return refuse(command, str(error), 2)
    except OSError as error:
        return refuse(command, f"{error.filename or 'input or output'}: {error.strerror or error}", 2)
    except KeyboardInterrupt as error:
        return refuse(command, str(error) or "interrupted", INTERRUPTED)


def run(command: str, arguments: Sequence[str]) -> int:
    """Call the command's function with the arguments parsed as its signature says."""
    import tyro

    module, function = COMMANDS[command][0].split(":")
    return tyro.cli(getattr(import_module(module), function), prog=f"jaxcnn {command}", args=arguments)


def refuse(command: str, sentence: str, code: int) -> int:
    print(f"jaxcnn {command}: {sentence}", file=sys.stderr)
    return code


def overview() -> str:
    """What `jaxcnn --help` prints."""
    lines = [f"    {command:<10} {summary}" for command, (_, summary) in COMMANDS.items()]
    return "\n".join(["usage: jaxcnn COMMAND [OPTIONS]", "", *lines, "", "`jaxcnn COMMAND --help` lists its options."])


def command_line() -> None:
    """The program `jaxcnn`.

    After an interrupt Python is not taken down in order: JAX, stopped while it was tracing or compiling, crashes then.
    """
    code = main()
    if code == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
