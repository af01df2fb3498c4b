"""A configuration read back from `config.json`, which anybody may have edited or damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, Literal, get_args, get_origin, get_type_hints

from jaxcnn.errors import UserError
from jaxcnn.training.config import Config


def from_json(found: Any, run_dir: Path) -> Config:
    """The settings of the run in `run_dir`; one that is not there has its default, as in files of earlier versions.

    Raises:
        UserError: no object, an unknown name, a value of a wrong type or out of range.
    """
    if not isinstance(found, dict):
        raise UserError("is no JSON object")
    hints = get_type_hints(Config)
    for name, value in found.items():
        if name not in Config(run_dir=run_dir).to_json():
            raise UserError(f"{shortened(name)} is no setting")
        if not any(fits(value, kind) for kind in kinds(hints[name])):
            raise UserError(f"{name} cannot be {shortened(value)}")
    return Config(**found | {"run_dir": run_dir})


def kinds(hint: Any) -> Iterator[Any]:
    """What a union or a Literal allows, one by one; of any other type, itself.

    >>> list(kinds(int | None))
    [<class 'int'>, <class 'NoneType'>]
    """
    if get_origin(hint) is Literal:
        yield hint
    elif options := get_args(hint):
        for option in options:
            yield from kinds(option)
    else:
        yield hint


def fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is of a kind; an integer will do for a float, and no Boolean for a number.

    >>> fits(3, float), fits(True, int), fits("runs/a", Path), fits("sgd", Literal["sgd", "adam"])
    (True, False, True, True)
    """
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    wanted = {float: (int, float), Path: (str,)}.get(kind, (kind,))
    return type(value) in wanted
