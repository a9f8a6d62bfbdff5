"""The site: what Sphinx reads, what it makes of it, and how a browser shows that.

What needs Sphinx or a browser, no part of requirements.txt, is slow, and skipped with a reason without them.
"""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.__main__ import main
from tests.commands import site
from tests.course.lab import COURSE, Lab, labs, read, text_of
from tests.site import pages
from tests.tiny import markdown, save

STEMS = [path.stem for path in labs()]


@pytest.fixture
def course(tmp_path):
    """Makes a course of tiny labs: 01, 02 and so on, one of each text."""

    def make(*texts):
        names = [f"{number:02}" for number in range(1, len(texts) + 1)]
        cells = [markdown(f"# {name} · Tiny: is it?\n\n{text}") for name, text in zip(names, texts)]
        return [Lab(save(tmp_path / f"{name}_tiny.ipynb", cell)) for name, cell in zip(names, cells)]

    return make


def card(*before):
    """The card of a lab that begins after others."""
    links = ", ".join(f"[{number}]({number}_tiny.ipynb)" for number in before)
    return f"| | |\n|---|---|\n| **Before you start** | {links or 'Python'} |\n| **Time** | 5 minutes to work through |"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    pages.write(folder)
    return folder


def test_sources_are_the_course_as_it_stands(sources):
    files = {path.relative_to(sources).as_posix() for path in sources.rglob("*") if path.is_file()}
    made = {"map.md", "glossary.md", "formulas.md", "README.md"}
    assert {*made, "data/README.md", "CONTRIBUTING.md", *(f"labs/{stem}.ipynb" for stem in STEMS)} <= files
    for name in files - made:
        assert (sources / name).read_bytes() == (COURSE / name).read_bytes()
    readme = (sources / "README.md").read_text(encoding="utf-8")
    original = (COURSE / "README.md").read_text(encoding="utf-8")
    assert [line for line in original.splitlines() if line not in readme] == []
    listed = {f"{line}.md" for line in readme.partition("{toctree}")[2].partition("```")[0].split()[1:]}
    assert listed == {name for name in files if name.endswith(".md")} - {"README.md"}


def test_what_is_linked_comes_along_but_nothing_from_outside(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "COURSE", tmp_path / "course")
    lab = save(tmp_path / "course" / "01.ipynb", markdown("[a](two%20words.md#b) [c](https://x.org) [d](../out.md)"))
    (tmp_path / "course" / "two words.md").write_text("[back](01.ipynb) ![what it does](run.png) [none](no.md)")
    (tmp_path / "course" / "run.png").touch()
    (tmp_path / "out.md").touch()
    assert [path.name for path in pages.with_linked([lab])] == ["01.ipynb", "two words.md", "run.png"]


@pytest.mark.parametrize("path", labs(), ids=STEMS)
def test_every_lab_is_in_every_page(path, sources):
    """A definition, its formulas, a box on the map and a row in the table."""
    page = {name: (sources / f"{name}.md").read_text(encoding="utf-8") for name in ("glossary", "formulas", "map")}
    assert f"](<labs/{path.name}#" in page["glossary"]
    box = page["formulas"].partition(f"](labs/{path.name})\n")[2].partition("\n## ")[0]
    assert re.search(r"^\| .*\$.* \|$", box, re.M)
    assert f'<a href="labs/{path.stem}.html">' in page["map"] and f"\nlabs/{path.stem}\n" in page["map"]
    assert re.search(rf"^\| \[[^\]]*\]\(labs/{path.name}\) .* \d+ minutes \|$", page["map"], re.M)


@pytest.mark.parametrize(
    ("text", "name", "meaning"),
    [
        ("Two of them. These\nare the ***pair***: see.", "Pair", "Two of them. These are the **pair**: see."),
        ("4. ***A batch norm.*** Scales. Moves.", "Batch norm", "**A batch norm.** Scales."),
        ("* point\n* See [it](x.md), a ***sharp\n  one***;", "Sharp one", "See it, a **sharp one**."),
        ('He says "no." ***ReLU*** it is', "ReLU", "**ReLU** it is."),
    ],
)
def test_glossary_takes_the_sentence_that_marks_a_term(text, name, meaning, course):
    [lab] = course(f"## 1. It\n\n{text}")
    assert pages.terms([lab]) == [pages.Term(name, lab, "1. It", [meaning])]
    assert f"\n{name}\n  {meaning.splitlines()[0]}\n" in pages.glossary([lab])
    assert "\n  [01 · Tiny, section 1](<labs/01_tiny.ipynb#1.-It>)\n" in pages.glossary([lab])


def test_glossary_is_sorted_and_has_a_term_once(course):
    first = "## 1. A\n\n***b*** is. ***Cc*** is.\n\n## What you learned\n\nThe ***b*** was."
    found = pages.terms(course(first, "## 2. D\n\n***a***, ***B***"))
    places = [(term.name, term.lab.path.stem[:2], term.section) for term in found]
    assert places == [("A", "02", "2. D"), ("B", "01", "1. A"), ("Cc", "01", "1. A")]
    assert found[1].meanings == ["**b** is.", "The **b** was.", "**a**, **B**."]


def test_map_has_the_arrows_of_the_cards(course):
    page = pages.labs_map(course(card(), card("01"), card("02", "01")))
    boxes = [re.findall(r'href="labs/(\d\d)|d="M\d+ (-?\d+)', box) for box in page.split("<g ")[1:]]
    assert boxes == [[("01", "")], [("02", ""), ("", "-34")], [("03", ""), ("", "-34"), ("", "-128")]]
    rows = [re.findall(r"\(labs/(\d\d)", line) for line in page.splitlines() if line.startswith("| [")]
    assert rows == [["01"], ["02", "01"], ["03", "02", "01"]]
    assert "| is it? | nothing | 5 minutes |" in page


@pytest.mark.parametrize("other", ["01", "77"])
def test_a_card_that_does_not_send_back_is_refused(other, course):
    with pytest.raises(ValueError, match=rf"01_tiny\.ipynb: its card sends to {other}_tiny"):
        pages.labs_map(course(card(other), card()))


def test_formula_sheet_has_each_box_with_its_letters(course):
    box = "| Name | Formula |\n|---|---|\n| sum | $a + b$ |\n\nHere $a$ is one."
    sheet = pages.formula_sheet(course(f"## What you learned\n\n{box}\n\n## References\n\n1. A book", "no formula"))
    assert sheet.endswith(f"\n\n## [01 · Tiny](labs/01_tiny.ipynb)\n\n{box}\n\n")


@pytest.fixture
def old(tmp_path):
    """A folder with a site of one page that was built before."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / site.LIST).write_text(f"index.html\n{site.LIST}\n")
    (folder / "index.html").write_text("before")
    return folder


def test_folders_that_hold_something_else_are_refused(old, capsys):
    letter = old / "sub" / "letter.txt"
    letter.parent.mkdir()
    letter.touch()
    told = {old: "holds sub/letter.txt, which this command did not write", letter: "is a file"}
    for folder, message in {**told, **dict.fromkeys((COURSE / "site", COURSE.parent), "the course's folder")}.items():
        assert main(["site", str(folder)]) == 1
        assert message in capsys.readouterr().err
    assert letter.exists()


def test_missing_packages_are_told_with_the_pip_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(site, "NEEDED", ("pytest", "no_such_package"))
    assert main(["site", str(tmp_path / "new")]) == 1
    assert re.search("no_such_package missing: .*pip install -r .github/site-requirements", capsys.readouterr().err)
    assert not (tmp_path / "new").exists()


def test_a_build_that_fails_leaves_the_folder(old, capsys, monkeypatch):
    monkeypatch.setattr(site, "NEEDED", ())
    monkeypatch.setattr(site.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))
    assert main(["site", str(old)]) == 1
    assert (old / "index.html").read_text() == "before"
    assert [*old.parent.iterdir()] == [old]  # nothing half done
    assert "Sphinx complains about above" in capsys.readouterr().err


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """{path: parsed page} of the site, with a badge for Colab in the first lab."""
    if missing := [name for name in site.NEEDED if not find_spec(name)]:
        pytest.skip(f"{', '.join(missing)} missing: pip install -r .github/site-requirements.txt")
    soup = pytest.importorskip("bs4").BeautifulSoup  # comes with the theme

    def write(folder):
        pages.write(folder)
        copy = folder / "labs" / f"{STEMS[0]}.ipynb"
        notebook = read(copy)
        notebook.cells[0].source += "\n\n[![Open in Colab](https://x.org/badge.svg)](https://x.org/lab)"
        copy.write_text(text_of(notebook), encoding="utf-8")

    folder = tmp_path_factory.mktemp("site") / "new"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "write", write)
        assert main(["site", str(folder)]) == 0
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    return {path: soup(path.read_bytes(), "html.parser") for path in paths}


def folder_of(built):
    return Path(os.path.commonpath(built))


@pytest.mark.slow
def test_built_site_has_no_dead_link_describes_pictures_and_needs_no_network(built):
    assert len(built) >= len(STEMS) + 8
    for path, page in built.items():
        assert [tag for tag in page.select("[src], link") if "//" in (tag.get("src") or tag["href"])] == [], path
        assert page.select("img:not([alt]), img[alt='']") == [], path
        for link in [tag.get("href") or tag.get("src") for tag in page.select("[href], [src]")]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert parts.scheme in ("https", "http", "data"), f"{path}: {link}"
                continue
            other = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert other.is_file(), f"{path}: {link}"
            if parts.fragment and other in built:
                assert built[other].find(id=unquote(parts.fragment)), f"{path}: {link}"
    [badge] = built[folder_of(built) / "labs" / f"{STEMS[0]}.html"].select("a[href='https://x.org/lab']")
    assert badge.text == "Open in Colab"


@pytest.mark.slow
@pytest.mark.parametrize("path", labs(), ids=STEMS)
def test_built_lab_shows_what_is_stored(path, built):
    """Its figures with their texts, printed outputs, formulas; solutions and setup folded, their outputs not."""
    lab, page = Lab(path), built[folder_of(built) / "labs" / f"{path.stem}.html"]
    outputs = [output for code in lab.code for output in code.cell.outputs]
    described = [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
    assert [image["alt"].split() for image in page.select("article img")] == [text.split() for text in described]
    printed = [output.text.split() for output in outputs if output.output_type == "stream"]
    assert [output.text.split() for output in page.select(".output.stream")] == printed
    assert page.select("math") and "\\frac" not in page.text
    folds = page.select(".cell > details")
    assert [fold.summary.text[:5] for fold in folds] == ["Setup", *["Solut"] * len(lab.tagged("solution"))]
    assert [len(fold.select(".cell_input")) for fold in folds] == [1] * len(folds)
    assert page.select("details .cell_output") == []


@pytest.mark.slow
def test_a_second_build_takes_the_place_of_the_first(built, old):
    (old / "old.html").touch()
    (old / site.LIST).write_text(f"index.html\nold.html\n{site.LIST}\n")
    assert main(["site", str(old)]) == 0
    assert {path.name for path in old.rglob("*")} == {path.name for path in folder_of(built).rglob("*")}
    assert [*old.parent.iterdir()] == [old]  # nothing half done


@pytest.mark.slow
def test_browser_finds_nothing_wrong(built):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium or not shutil.which("node"):
        pytest.skip("node or Chromium is missing: install it, or set CHROMIUM to its path")
    packages = "require('playwright-core'); require('axe-core')"
    if subprocess.run(["node", "-e", packages], capture_output=True).returncode:
        pytest.skip("npm install playwright-core axe-core, and set NODE_PATH to that node_modules")
    folder = folder_of(built)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        pages_served = [f"{address}/{path.relative_to(folder).as_posix()}" for path in built]
        files = [f"{folder.as_uri()}/{page}" for page in ("search.html?q=softmax", f"labs/{STEMS[0]}.html")]
        addresses = [*pages_served, f"{address}/search.html?q=softmax", *files]
        command = ["node", str(COURSE / "tests" / "site" / "check.mjs"), *addresses]
        result = subprocess.run(command, env=os.environ | {"CHROMIUM": chromium}, capture_output=True, encoding="utf-8")
        server.shutdown()
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []
