"""Is this gradient right? A report for any pair of functions, with referees, noise units and teeth.

    from jaxcnn.agreement import check, assert_agree

    report = check(hand, auto, *args)     # or check(hand, None, *args): one function alone
    report.ok, report.records, report.show(), report.to_html("agreement.html")

Files, in reading order:

    program.py      a function as a list of primitive steps, to be run in another arithmetic:
      raising.py      float64 everywhere           complex_step.py   x + ih
      rounding.py     (value, possible error)      kinks.py          branch decisions
      plain.py        without handwritten rules
    evaluate.py     the programs of a check, compiled once
    gradients.py    two gradients at one point, three ways;   referees.py, statistics.py, bands.py: how they are judged
    transformations.py, structure.py, cost.py, environment.py: what else a report holds
    report.py       records and where they go: terminal.py, markdown.py, junit.py, html.py, baseline.py
    cases.py, mutants.py: this project's layers and networks, and the planted mistakes that a check of them must catch
    gallery/, calibration.py: correct and wrong functions of other people's making, and the bands measured on them
"""

from jaxcnn.agreement.comparison import assert_agree, check
from jaxcnn.agreement.report import Report

__all__ = ["Report", "assert_agree", "check"]
