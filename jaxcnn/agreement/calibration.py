"""Measure the bands: `python -m jaxcnn.agreement.calibration --seeds 100 --first 0 --write`.

Every right function of the gallery is checked in every dtype at many seeds: other arguments, other cotangents, other
whole numbers. What counts is the largest z over all elements of all leaves in a mode. The largest of all is what
rounding can do; rounded up to a power of two it is the band `agree`, and four times that the band `disagree`.

The same run without `--write` counts false alarms against the bands in force (use other seeds than those that made
them).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import date

import jax
import numpy as np

from jaxcnn.agreement import gradients
from jaxcnn.agreement.arguments import arguments_of
from jaxcnn.agreement.bands import FAILING, PATH
from jaxcnn.agreement.comparison import in_dtype, integer_point
from jaxcnn.agreement.evaluate import Pair
from jaxcnn.agreement.gallery.correct import CORRECT
from jaxcnn.agreement.gallery.rules import Exhibit
from jaxcnn.agreement.statistics import Record
from jaxcnn.agreement.units import DTYPES

APART = 4  # noise that four times the largest ever seen does not explain is no noise


def records(exhibit: Exhibit, dtype: str, seeds: range) -> Iterator[Record]:
    """All records of one right function in one dtype, compiled once for all seeds."""
    pair = None
    for seed in seeds:
        arguments = in_dtype(arguments_of(exhibit.args(seed)), dtype)
        pair = pair or Pair(exhibit.hand, exhibit.auto, arguments)
        found = [gradients.evaluated(pair, gradients.point(pair, arguments, dtype, seed))]
        found += [] if exhibit.positive else [integer_point(pair, arguments, dtype, seed)]
        for point in found:
            made = gradients.formula_records(point, {})
            made += gradients.arithmetic_records(point, point.truth.gradients, {})
            made += gradients.output_records(point, pair.output_paths)
            yield from ({"case": exhibit.name, "seed": seed} | record for record in made)


def measured(seeds: range, exhibits: tuple[Exhibit, ...]) -> tuple[dict[str, float], list[Record], int]:
    """The largest z per dtype, the false alarms, and the number of checks."""
    largest, alarms, checks = dict.fromkeys(DTYPES, 0.0), [], 0
    for exhibit in exhibits:
        for dtype in DTYPES:
            start, top = time.perf_counter(), dict.fromkeys(DTYPES, 0.0)
            for record in records(exhibit, dtype, seeds):
                units = "float64" if record["mode"] == "formula" else dtype
                top[units] = max(top[units], record["z"])
                alarms += [record] if record["verdict"] in FAILING else []
            checks += len(seeds)
            largest = {name: max(largest[name], top[name]) for name in DTYPES}
            print(f"{exhibit.name:20} {dtype:9} {top[dtype]:8.3f} {time.perf_counter() - start:7.1f} s", flush=True)
            jax.clear_caches()
    return largest, alarms, checks


def bands_from(largest: dict[str, float]) -> dict[str, dict[str, float]]:
    """The bands that the largest z of each dtype asks for.

    >>> bands_from({"float32": 0.7})
    {'float32': {'agree': 1.0, 'disagree': 4.0}}
    """
    agree = {dtype: 2.0 ** np.ceil(np.log2(z)) for dtype, z in largest.items()}
    return {dtype: {"agree": float(a), "disagree": float(APART * a)} for dtype, a in agree.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", default="", help="exhibits whose name holds this text")
    parser.add_argument("--write", action="store_true", help="make these the bands")
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    largest, alarms, checks = measured(seeds, tuple(e for e in CORRECT if chosen.only in e.name))
    print(f"{checks} checks, {len(alarms)} false alarms, largest z {largest}")
    for alarm in alarms[:20]:
        print({key: alarm[key] for key in ("case", "mode", "leaf", "dtype", "z", "verdict", "seed", "worst")})
    if chosen.write:
        versions = {"jax": jax.__version__, "platform": jax.devices()[0].platform, "date": date.today().isoformat()}
        run = {"seeds": chosen.seeds, "first": chosen.first, "exhibits": len(CORRECT), "largest_z": largest}
        PATH.write_text(json.dumps({"bands": bands_from(largest), "measured": run | versions}, indent=2) + "\n")


if __name__ == "__main__":
    main()
