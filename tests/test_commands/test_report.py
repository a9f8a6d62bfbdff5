"""The report on the labs: what it tells, and when it fails."""

import json
from xml.etree import ElementTree

import pytest
from nbformat.v4 import new_output

from tests.__main__ import main
from tests.commands import report
from tests.course.lab import Lab, labs
from tests.tiny_labs import code, markdown, printed, save
from utils import checks

CARD = "# 99 · Tiny & <small>?\n\n| | |\n|---|---|\n| **Time** | at most 45 seconds to run, 100 on full data |"
TOOK = {"stopped": "", "seconds": 30.0, "cpu_seconds": 60.0, "megabytes": 700.0}
SOURCE = "checks.claim('rate', 2, at_most=1)\nchecks.claim(\n    f\"it's {what}\", 1)"


def recorded(folder, *cells, mode="sample", device="CPU, 2 cores", name="99_tiny", run=True, card=CARD, **took):
    """What the plugin records of a lab."""
    setup = code("setup()", printed(f"Python 3\nDevice: {device}. Seed: 0\nData: {mode} (told)\n"), tags=["setup"])
    save(folder / f"{name}.ipynb", markdown(card), setup, *cells, run=run)
    (folder / f"{name}.json").write_text(json.dumps(TOOK | took))
    return report.Run(folder / f"{name}.ipynb")


def error():
    with pytest.raises(checks.ClaimError) as caught:
        checks.claim("rate", 2, at_most=1)
    told = ["\x1b[31mClaimError\x1b[0m", "<1 & 2>"]
    return new_output("error", ename="ClaimError", evalue=str(caught.value), traceback=told)


def test_claims_of_a_lab_that_stopped(tmp_path):
    first = code("checks.claim('rate', 1)", printed("✔ rate: 1 (at most 1)\n"), count=2)
    cells = [first, code(SOURCE, error(), count=3), code("checks.claim('end', 1)")]
    held, failed, *left = recorded(tmp_path, *cells, run=False, stopped="code cell 3").claims
    assert held == ("held", "rate: 1 (at most 1)")
    assert failed == ("failed", "rate: 2, but the text says at most 1 (on sample data)")
    assert left == [("not reached", "it's {what}"), ("not reached", "end")]


def test_claims_are_told_from_other_lines(tmp_path, capsys):
    print("✔ square: right on every case. The lab goes on with yours.\n✎ cube: not written yet.\nloss: 0.5 (at most 1)")
    checks.claim("loss", 0.5, at_least=0.1)
    checks.claim("a: b", [1, 2], equals=[1, 2], within=0.1)
    checks.claim("n (all)", 3, clock=True, at_most={"sample": 3, "full": 4})
    assert recorded(tmp_path, code("claims", printed(capsys.readouterr().out))).claims == [
        ("held", "loss: 0.5 (at least 0.1)"),
        ("held", "a: b: [1, 2] ([1, 2] give or take 0.1)"),
        ("held", "n (all): ~3 (at most 3, on full data 4)"),
    ]


@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_every_claim_of_a_lab_is_found(path):
    lines = [line for one in Lab(path).code for line in report.printed(one).splitlines() if line.startswith("✔ ")]
    lines = [line.removeprefix("✔ ") for line in lines if not line.endswith("The lab goes on with yours.")]
    assert [claim for one in Lab(path).code for claim in report.claims(one)] == [("held", line) for line in lines]


def test_verdict_and_exit_status(tmp_path, capsys):
    for facts, verdict in [
        ({"cpu_seconds": 90.0, "seconds": 80.0, "megabytes": 1500.0}, "ran through"),
        ({"cpu_seconds": 90.1}, "over its budget"),
        ({"megabytes": 1500.1}, "over its budget"),
        ({"cpu_seconds": 90.1, "mode": "full", "card": CARD.replace(", 100 on full data", "")}, "over its budget"),
        ({"megabytes": 2500.0, "device": "Some GPU"}, "ran through"),
        ({"cpu_seconds": 200.0, "mode": "full"}, "ran through"),
        ({"cpu_seconds": 200.1, "mode": "full"}, "over its budget"),
        ({"stopped": "code cell 1 (a)"}, "stopped"),
    ]:
        assert recorded(tmp_path, **facts).verdict == verdict
        assert main(["report", str(tmp_path)]) == (verdict != "ran through")
        assert capsys.readouterr().out.startswith(f"99_tiny: {verdict}, ")


def test_page_needs_nothing_else_and_says_what_it_shows(tmp_path, capsys):
    recorded(tmp_path, code(SOURCE, printed("✔ x: 1 (exactly 1)\n")), name="98_first")
    recorded(tmp_path, code(SOURCE, error(), count=2), run=False, stopped="code cell 2 (<b>)")
    (tmp_path / "other.ipynb").write_text("no record of a run")
    assert main(["report", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "98_first: ran through, 30 seconds, 60 cpu-seconds, 700 megabytes"
    source = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in source
    assert not any(word in source for word in ("url(", "://", "@import", "<script", "src="))
    page = ElementTree.fromstring(source)  # so every tag is closed
    assert {*source.split('"')} >= {"#98_first", "#99_tiny", "98_first.ipynb", "99_tiny.ipynb"}
    text = " ".join("".join(page.find("body").itertext()).split())
    for words in (
        "2 labs ran on sample data, 1 of them with a failure. 1 claims held, 1 failed, 1 were not reached.",
        f"Not in this report: {', '.join(path.stem for path in labs())}.",
        "98_first ✔ ran through 30.0 60.0of 90 700of 1500 99_tiny ✘ stopped",
        "code cell 2 (<b>). What it saidClaimError <1 & 2>",
        "✘ failed: rate: 2, but the text says at most 1 (on sample data)",
        "○ not reached: it's {what}",
    ):
        assert words in text
    assert [one.get("open") for one in page.iter("details")] == [None, None, ""]


def test_a_folder_without_records_is_told(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert main(["report", str(folder)]) == 1
        assert f"{folder} holds no recorded lab: pytest --record={folder} puts" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []
