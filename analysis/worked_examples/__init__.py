"""Every checkable statement of the five seed documents, run and judged.

    jaxcnn examples               the table of all 221 rows
    jaxcnn examples S2.07         one row in full: equation, code, numbers, picture
    jaxcnn examples --errata      the rows where the printed text is wrong, with what is right

A row is an `Entry` in one of the `seed*` modules; `judge` decides from its run whether it holds. `ENTRIES` has all.
"""

from analysis.worked_examples.catalogue import ENTRIES, select
from analysis.worked_examples.entry import Entry
from analysis.worked_examples.judge import Claim, Experiment, Missing, Opinion, Printed, Twice, Verdict, printed
from analysis.worked_examples.runner import Outcome, run, run_all, tally

__all__ = [
    "ENTRIES",
    "Claim",
    "Entry",
    "Experiment",
    "Missing",
    "Opinion",
    "Outcome",
    "Printed",
    "Twice",
    "Verdict",
    "printed",
    "run",
    "run_all",
    "select",
    "tally",
]
