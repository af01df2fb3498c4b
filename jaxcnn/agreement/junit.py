"""JUnit XML: one suite per case, one test case per record, so that CI lists exactly what disagreed."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from jaxcnn.agreement.bands import failed
from jaxcnn.agreement.report import Record, Report
from jaxcnn.agreement.summary import sentence


def junit(report: Report) -> str:
    root = Xml.Element(
        "testsuites", name="agreement", tests=str(len(report.records)), failures=str(len(report.failures))
    )
    for case, records in report.cases.items():
        count = {"tests": len(records), "failures": sum(map(failed, records)), "skipped": sum(map(skipped, records))}
        suite = Xml.SubElement(root, "testsuite", {"name": case, **{key: str(value) for key, value in count.items()}})
        for record in records:
            add(suite, record)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def skipped(record: Record) -> bool:
    return record["verdict"] == "unsupported"


def add(suite: Xml.Element, record: Record) -> None:
    name = " ".join(part for part in (record["mode"], record["leaf"], record["dtype"]) if part)
    test = Xml.SubElement(suite, "testcase", classname=record["case"], name=name)
    if failed(record):
        Xml.SubElement(test, "failure", type=record["verdict"], message=sentence(record))
    elif skipped(record):
        Xml.SubElement(test, "skipped", message=record["note"])
