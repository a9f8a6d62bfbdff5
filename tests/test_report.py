"""The report on the labs: what it tells, when it fails, and what it leaves alone."""

import html.parser
import json
import re

import nbformat
import pytest

from tests import execute, report

CLAIM = "✔ loss: 0.5 (at most 1)\n"


def stream(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def lab(path, *sources, printed=()):
    """A stored lab; `printed` is what its cells printed when it was stored."""
    cells = [nbformat.v4.new_markdown_cell("# 01 · Lab & <question>"), *map(nbformat.v4.new_code_cell, sources)]
    for cell, text in zip(cells[1:], printed):
        cell.outputs = [stream(text)]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(execute.normalise(nbformat.v4.new_notebook(cells=cells)), path)
    return path


@pytest.fixture
def budgets(tmp_path, monkeypatch):
    """A file of budgets of their own, and a calibration that takes no time."""
    monkeypatch.delenv("LABS_DATA", raising=False)
    monkeypatch.setattr(report, "BUDGETS", tmp_path / "budgets.json")
    report.BUDGETS.write_text("{}")
    monkeypatch.setattr(report, "calibrate", lambda: 2.0)
    return report.BUDGETS


class Page(html.parser.HTMLParser):
    """What a page is made of: its tags in order, with their attributes, and its text."""

    EMPTY = ("meta", "rect", "line")

    def __init__(self, path):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    def lines(self):
        return " ".join("".join(self.text).split())


def run(**changed):
    plain = {"lab": "01_a", "title": "01 · A", "seconds": 9.0, "work": 12.0, "calibration": 2.0, "megabytes": 700}
    return report.Run(**plain | {"budget": 10.0} | changed)


@pytest.mark.parametrize(
    ("budget", "stopped", "verdict"),
    [
        (6.0, "", "ran through"),
        (5.9, "", "over its budget"),
        (None, "", "ran through"),
        (5.9, "it stopped", "stopped"),
        (10.0, "it stopped", "stopped"),
    ],
)
def test_verdict(budget, stopped, verdict):
    assert run().ratio == 6.0
    assert run(budget=budget, stopped=stopped).verdict == verdict


def notebook(*outputs):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output]) for output in outputs])


def broken(what):
    evalue = f"✘ {what}: 2, but the text says at most 1 (on sample data). If you changed a cell above, that is why."
    return nbformat.v4.new_output("error", ename="ClaimError", evalue=evalue, traceback=[])


def test_claims_are_told_from_other_lines():
    printed = stream(
        f"{CLAIM}✔ a: b: [1, 2] ([1, 2] give or take 0.1)\n✔ n: ~3 (exactly 3, on full data 4)\n"
        "✔ square: right on every case. The lab goes on with yours.\n✎ cube: not written yet.\nloss: 0.5 (at most 1)\n"
    )
    assert report.claims(notebook(), notebook(printed)) == [
        ("held", "loss: 0.5 (at most 1)"),
        ("held", "a: b: [1, 2] ([1, 2] give or take 0.1)"),
        ("held", "n: ~3 (exactly 3, on full data 4)"),
    ]


def test_claims_of_a_lab_that_stopped():
    stored = notebook(stream(CLAIM), stream("✔ rate: 1 (at most 1)\n✔ loss: 0.1 (at most 1)\n✔ end: 1 (exactly 1)\n"))
    executed = notebook(stream(CLAIM), broken("rate"))
    found = [("held", "loss: 0.5 (at most 1)"), ("failed", "rate: 2, but the text says at most 1 (on sample data)")]
    assert report.claims(stored, executed, stopped=True) == [*found, ("not reached", "loss"), ("not reached", "end")]
    assert report.claims(stored, executed) == found


def test_claim_lines_of_the_labs_are_all_known():
    paths = sorted((execute.COURSE / "labs").glob("*.ipynb"))
    for path in paths:
        stored = execute.read(path)
        lines = [line for line in report.printed(stored.cells).splitlines() if line.startswith("✔ ")]
        lines = [line for line in lines if not line.endswith("The lab goes on with yours.")]
        assert ["✔ " + line for _, line in report.claims(stored, stored)] == lines != [], path.stem


def test_a_claim_that_checks_breaks_is_known():
    from utils import checks

    with pytest.raises(checks.ClaimError) as caught:
        checks.claim("share: of all", 0.2, at_least=0.5)
    outputs = nbformat.v4.new_output("error", ename="ClaimError", evalue=str(caught.value), traceback=[])
    [(state, line)] = report.claims(notebook(), notebook(outputs))
    assert (state, line[:54]) == ("failed", "share: of all: 0.2, but the text says at least 0.5 (on")


def test_every_lab_has_a_budget_and_nothing_else_has():
    budgets = json.loads(report.BUDGETS.read_text(encoding="utf-8"))
    assert list(budgets["sample"]) == [path.stem for path in sorted((execute.COURSE / "labs").glob("*.ipynb"))]
    assert set(budgets) <= {"sample", "full"}
    assert all(isinstance(ratio, int) and 1 < ratio < 300 for mode in budgets.values() for ratio in mode.values())


def test_calibration_is_about_a_cpu_second():
    assert 0.1 < report.calibrate() < 5


def test_page_needs_nothing_else_and_says_what_it_shows(tmp_path):
    bad = run(lab="02_b", budget=5.0, stopped="code cell 2 stopped: E: 1 < 2", details="<script>", setup="Python 3")
    claims = [("held", "x: 1 (exactly 1)"), ("failed", "y: 2"), ("not reached", "z")]
    (tmp_path / "index.html").write_text(report.page([run(claims=claims), bad], "sample", waiting=3), encoding="utf-8")
    page = Page(tmp_path / "index.html")
    for _, attributes in page.tags:
        for name in ("href", "src"):
            assert re.fullmatch(r"#0\d_[ab]|0\d_[ab]\.ipynb", attributes.get(name, "#01_a"))
    source = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "url(" not in source and "://" not in source and "@import" not in source and "<script" not in source
    assert "prefers-color-scheme: dark" in source
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags
    assert page.tags[0] == ("html", {"lang": "en"})
    [picture] = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert picture["role"] == "img"
    assert picture["aria-label"].endswith("each lab took: 01_a 60%, 02_b 120%.")
    bars = [(attributes["class"], float(attributes["width"])) for tag, attributes in page.tags if tag == "rect"]
    assert bars == [("held", 120.0), ("failed", 240.0)]
    text = page.lines()
    assert "2 labs ran on sample data, 1 of them with a failure." in text
    assert "1 claims held, 1 failed, 1 were not reached. 3 labs have not run." in text
    assert "Python 3" in text and "code cell 2 stopped: E: 1 < 2" in text
    assert "✔ x: 1 (exactly 1)" in text and "✘ failed: y: 2" in text and "○ not reached: z" in text
    rows = re.findall(r'<a href="#(.*?)">.*?</th><td>(.*?)</td></tr>', source)
    assert [(lab, cells.split("</td><td>")) for lab, cells in rows] == [
        ("01_a", ["✔ ran through", "9.0", "6.0", "10", "700 MB"]),
        ("02_b", ["✘ stopped", "9.0", "6.0", "5", "700 MB"]),
    ]


def test_lab_that_stops_on_a_claim(tmp_path, budgets, capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(execute.COURSE))
    path = lab(
        tmp_path / "labs" / "01_lab.ipynb",
        "from utils import checks\nbig = b'1' * 200_000_000\nchecks.claim('loss', 0.5, at_most=1)",
        "checks.claim('rate', 2, at_most=1)",
        "checks.claim('end', 1, equals=1)",
        printed=(CLAIM, "✔ rate: 1 (at most 1)\n", "✔ end: 1 (exactly 1)\n"),
    )
    before = path.read_bytes()
    assert report.main([str(tmp_path / "new" / "report"), str(path)]) == 1
    assert path.read_bytes() == before
    executed = execute.read(tmp_path / "new" / "report" / "01_lab.ipynb")
    nbformat.validate(executed)
    outputs = [cell.outputs for cell in executed.cells[1:]]
    assert outputs[0][0].text == CLAIM
    assert outputs[1][0].ename == "ClaimError" and outputs[2] == []
    assert [cell.execution_count for cell in executed.cells[1:]] == [1, 2, None]
    text = Page(tmp_path / "new" / "report" / "index.html").lines()
    assert "01 · Lab & <question>" in text
    assert "code cell 2 (checks.claim('rate', 2, at_most=1)) stopped: ClaimError: ✘ rate: 2" in text
    assert "1 claims held, 1 failed, 1 were not reached." in text
    assert "✘ failed: rate: 2, but the text says at most 1 (on sample data)" in text and "○ not reached: end" in text
    told = capsys.readouterr().out
    assert told.startswith("01_lab: stopped, ") and "ClaimError" in told
    assert 200 <= int(re.search(r"(\d+) MB", told)[1]) <= 600


def test_budget_is_recorded_with_room(tmp_path, budgets, capsys, monkeypatch):
    monkeypatch.setattr(report, "calibrate", lambda: 0.5)
    source = "import time\nwhile time.process_time() < 2:\n    pass\nprint(1)"
    path, folder = lab(tmp_path / "labs" / "01_lab.ipynb", source), tmp_path / "report"
    budgets.write_text(json.dumps({"sample": {"02_other": 7}, "full": {"01_lab": 1}}))
    assert report.main([str(folder), str(path), "--record"]) == 0
    kept = json.loads(budgets.read_text())
    assert kept == {"sample": {"01_lab": kept["sample"]["01_lab"], "02_other": 7}, "full": {"01_lab": 1}}
    work, ratio = map(float, re.search(r"([\d.]+) CPU-s, ([\d.]+) times", capsys.readouterr().out).groups())
    assert 2 <= work <= 7  # and the start of the kernel
    assert ratio == pytest.approx(work / 0.5, abs=0.2)
    assert -0.2 <= kept["sample"]["01_lab"] - 2 * ratio <= 1.2


def test_going_over_the_budget_is_a_failure(tmp_path, budgets, capsys, monkeypatch):
    path, folder = lab(tmp_path / "labs" / "01_lab.ipynb", "1"), tmp_path / "report"
    monkeypatch.setattr(report, "run", lambda path, folder, budget: run(lab=path.stem, budget=budget))
    for budget, status, verdict in ((6, 0, "ran through"), (5, 1, "over its budget")):
        kept = json.dumps({"sample": {"01_lab": budget}, "full": {"01_lab": 1}})
        budgets.write_text(kept)
        assert report.main([str(folder), str(path)]) == status  # the second time into the folder of an earlier report
        assert capsys.readouterr().out.startswith(f"01_lab: {verdict}, 9.0 s, 12.0 CPU-s, 6.0 times ")
        assert f"{verdict.capitalize()}: 9.0 s" in Page(folder / "index.html").lines()
        assert budgets.read_text() == kept
    monkeypatch.setenv("LABS_DATA", "full")
    assert report.main([str(folder), str(path)]) == 1
    assert "(its budget is 1)" in capsys.readouterr().out


def test_child_that_dies_is_told(tmp_path, budgets, monkeypatch, capsys):
    path = lab(tmp_path / "labs" / "01_lab.ipynb", "print(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "nbclient.py").write_text("raise SystemExit('no such luck')")
    assert report.main([str(tmp_path / "report"), str(path), "--record"]) == 1
    assert "its process ended with status 1" in capsys.readouterr().out
    text = Page(tmp_path / "report" / "index.html").lines()
    assert "no such luck" in text and "no budget" in text
    assert budgets.read_text() == "{}"


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        report.main([*map(str, arguments)])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_bad_input_changes_nothing(tmp_path, budgets, capsys, monkeypatch):
    path = lab(tmp_path / "labs" / "01_lab.ipynb", "print(1)")
    twin = lab(tmp_path / "other" / "01_lab.ipynb", "print(2)")
    before = path.read_bytes()
    assert "labs holds other files: name a new folder" in refused(capsys, tmp_path / "labs", path)
    assert "is a file: name a folder" in refused(capsys, path, path)
    assert "no.ipynb" in refused(capsys, tmp_path / "report", tmp_path / "no.ipynb")
    assert "is not a notebook" in refused(capsys, tmp_path / "report", budgets.with_name("budgets.json"))
    assert "of the same name" in refused(capsys, tmp_path / "report", path, twin)
    monkeypatch.setenv("LABS_DATA", "half")
    assert "LABS_DATA says 'half'" in refused(capsys, tmp_path / "report", path)
    assert path.read_bytes() == before
    assert not (tmp_path / "report").exists()


def test_first_lab(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "calibrate", lambda: 2.0)
    monkeypatch.delenv("LABS_DATA", raising=False)
    path = execute.COURSE / "labs" / "01_loss_play.ipynb"
    before, kept = path.read_bytes(), report.BUDGETS.read_bytes()
    monkeypatch.chdir(tmp_path)
    assert report.main(["report", str(path)]) == 0
    assert path.read_bytes() == before and report.BUDGETS.read_bytes() == kept
    assert sorted(kept.name for kept in (tmp_path / "report").iterdir()) == ["01_loss_play.ipynb", "index.html"]
    executed, stored = execute.read(tmp_path / "report" / path.name), execute.read(path)
    assert [cell.execution_count for _, _, cell in execute.code_cells(executed)] == [
        cell.execution_count for _, _, cell in execute.code_cells(stored)
    ]
    names = [line.rpartition(": ")[0] for _, line in report.claims(stored, stored)]
    assert [line.rpartition(": ")[0] for _, line in report.claims(stored, executed)] == names
    text = Page(tmp_path / "report" / "index.html").lines()
    assert f"{len(names)} claims held, 0 failed, 0 were not reached." in text
    assert "Seed: 0" in text and "01 · Loss play: how wrong is a guess?" in text
    assert capsys.readouterr().out.startswith("01_loss_play: ran through, ")
