"""`jaxcnn agree`: check this project's layers and networks, or any two functions, and write the report.

    jaxcnn agree --all
    jaxcnn agree package.module:hand package.module:auto --args package.module:builder --html agreement.html

Exit code 0: all agrees; 1: something does not, or is worse than the baseline; 2: what was asked for cannot be done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

import tyro

from jaxcnn.errors import UserError


@dataclass(frozen=True)
class Agree:
    """What to compare, and where to write what was found."""

    functions: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="MODULE:FUNCTION")] = ()
    """handwritten and plain, as package.module:name; one alone is checked against itself without its rules"""

    all: bool = False
    """check every layer of this project in four dtypes, every small named network, and every planted mistake"""

    only: str = ""
    """with --all: only the cases whose name holds this text"""

    args: str = ""
    """package.module:builder, a function without arguments that returns the tuple of arguments to check at"""

    dtypes: tuple[str, ...] = ()
    """float64 float32 bfloat16 float16: cast all float leaves to each in turn; default: as the builder made them"""

    seed: int = 0
    """of cotangents, directions and whole numbers"""

    integers: bool = True
    """also compare at whole numbers, where only bit-for-bit equality will do"""

    json: Path | None = None
    """write every record as JSON"""

    junit: Path | None = None
    """write JUnit XML"""

    markdown: Path | None = None
    """write Markdown for a pull request's comment"""

    html: Path | None = None
    """write one self-contained page with all pictures"""

    baseline: Path | None = None
    """an older --json file: fail on whatever is worse than it was"""


def agree(options: Annotated[Agree, tyro.conf.arg(name="")]) -> int:
    """Is this gradient right? Compare handwritten with automatic gradients, and both with referees of neither kind."""
    import jax

    from jaxcnn.agreement.baseline import read, worsened
    from jaxcnn.agreement.meshes import DEVICES

    jax.config.update("jax_num_cpu_devices", DEVICES)  # for the rows on a mesh
    check_writable(outputs(options))
    try:
        old = None if options.baseline is None else read(options.baseline)
        report = whole_project(options) if options.all else one_pair(options)
    except (ValueError, TypeError) as error:
        raise UserError(str(error).removeprefix("check: ")) from None
    report.show()
    written(report, options)
    worse = [] if old is None else worsened(report, old)
    for sentence in worse:
        print(f"worse than {options.baseline}: {sentence}", file=sys.stderr)
    return 0 if report.ok and not worse else 1


def whole_project(options: Agree) -> Any:
    """The report on this project."""
    if options.functions or options.args:
        raise UserError("give either --all or two functions with --args, not both")
    from jaxcnn.agreement import suite
    from jaxcnn.agreement.cases import layers, network_cases

    cases = [case for case in [*layers(), *network_cases()] if options.only in case.name]
    if not cases:
        raise UserError(f"--only {options.only!r} matches no case; they are named as the layers and networks are")
    return suite.report(cases, options.seed, done=progress(len(cases)))


def progress(total: int) -> Callable[[str], None]:
    """Say on stderr how far the report has come."""
    done: list[str] = []

    def said(name: str) -> None:
        done.append(name)
        print(f"[{len(done)}/{total}] {name}", file=sys.stderr, flush=True)

    return said


def one_pair(options: Agree) -> Any:
    """The report on the functions that were named."""
    from jaxcnn.agreement.comparison import check
    from jaxcnn.agreement.environment import canary_records

    if not 1 <= len(options.functions) <= 2 or not options.args:
        raise UserError(
            "name one or two functions as package.module:function and their arguments with --args, or say --all"
        )
    sys.path.insert(0, "")
    hand, *auto = map(load, options.functions)
    report = check(
        hand, auto[0] if auto else None, *arguments(options.args), name=options.functions[0], seed=options.seed,
        dtypes=options.dtypes or (None,), integers=options.integers, cost=True,
    )  # fmt: skip
    report.records += canary_records()
    return report


def arguments(name: str) -> tuple[Any, ...]:
    """What the builder returns."""
    try:
        built = load(name)()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"--args {name}: the builder raised {type(error).__name__}: {error}") from error
    return built if isinstance(built, tuple) else (built,)


def load(name: str) -> Callable[..., Any]:
    """The function that `package.module:function` names."""
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise UserError(f"{name!r} does not name a function; write package.module:function")
    try:
        found = import_module(module)
    except ImportError as error:
        raise UserError(f"{name}: {error}") from error
    if not callable(getattr(found, function, None)):
        raise UserError(f"{name}: {module} has no function {function!r}")
    return getattr(found, function)


def outputs(options: Agree) -> list[Path]:
    """The files that were asked for."""
    return [path for path in (options.json, options.junit, options.markdown, options.html) if path is not None]


def check_writable(paths: list[Path]) -> None:
    """Refuse, before minutes are spent, a path that could not be written after them."""
    for path in paths:
        if path.is_dir():
            raise UserError(f"{path} is a directory; name a file to write the report to")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=path.parent).close()
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}); name a file in a folder of yours") from None


def written(report: Any, options: Agree) -> None:
    """Write the files that were asked for, and say so."""
    paths = (options.json, options.junit, options.markdown, options.html)
    writers = (report.to_json, report.to_junit, report.to_markdown, report.to_html)
    for path, write in zip(paths, writers, strict=True):
        if path is not None:
            write(path)
            print(f"written: {path}")
