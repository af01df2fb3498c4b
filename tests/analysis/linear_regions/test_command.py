import pytest

from analysis.linear_regions.command import Config
from jaxcnn import cli
from jaxcnn.errors import UserError


def test_help_lists_problems_and_defaults(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["regions", "--help"])
    shown = capsys.readouterr().out
    assert "{moons,circles,spiral,checkerboard,image,shell}" in shown
    assert "(default: 16 16)" in shown


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"run": "a", "network": "seed2"}, "--run and --network: give one of them"),
        ({"units": ()}, r"--units: must be at least 1 everywhere, got \(\)"),
        ({"units": (4, 0)}, r"--units: must be at least 1 everywhere, got \(4, 0\)"),
        ({"steps": 0}, "--steps: must be at least 1"),
        ({"colours": ()}, "--colours: must be at least 1"),
        ({"examples": (1, 1, 2)}, "--examples 1 1 2: must be three different numbers from 0 on"),
        ({"examples": (-1, 1, 2)}, "--examples -1 1 2: must be three different numbers"),
        ({"frames": -1}, "--frames -1: must not be negative"),
        ({"margin": float("nan")}, "--margin nan: must not be negative"),
        ({"budget": 0.0}, "--budget 0.0: must be positive"),
    ],
    ids=["two", "no-units", "zero-units", "steps", "colours", "same", "negative", "frames", "margin", "budget"],
)
def test_what_cannot_be_drawn_is_refused(given, says: str) -> None:
    with pytest.raises(UserError, match=says):
        Config(**given)


def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path, capsys) -> None:
    assert cli.main(["regions", "--network", "cats", "--out", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("jaxcnn regions: --network cats: unknown; the networks are ")
    assert (shown.err.count("\n"), shown.out) == (1, "")


def test_an_interrupt_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
    def interrupted(config):
        raise KeyboardInterrupt

    monkeypatch.setattr("analysis.linear_regions.study.subject", interrupted)
    assert cli.main(["regions", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "jaxcnn regions: interrupted\n"
