"""The site: what Sphinx reads, what it makes of it, how a browser shows that (slow, or skipped without them)."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.__main__ import main
from tests.commands import site
from tests.course.lab import COURSE, Lab, labs
from tests.site import pages
from tests.tiny_labs import markdown, save

STEMS = [path.stem for path in labs()]


@pytest.fixture
def course(tmp_path):
    """Makes a course of tiny labs: 01, 02 and so on, one of each text."""

    def make(*texts):
        cells = [markdown(f"# {n:02} · Tiny: is it?\n\n{text}") for n, text in enumerate(texts, 1)]
        return [Lab(save(tmp_path / f"{n:02}_tiny.ipynb", cell)) for n, cell in enumerate(cells, 1)]

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
    assert all((sources / name).read_bytes() == (COURSE / name).read_bytes() for name in files - made)
    readme, original = ((folder / "README.md").read_text(encoding="utf-8") for folder in (sources, COURSE))
    assert {*original.splitlines()} <= {*readme.splitlines()}
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
    assert re.search(rf"^\| \[[^\]]*\]\(labs/{path.name}\) .* \d+ minutes[^|]*\|$", page["map"], re.M)


def test_glossary_takes_the_sentence_that_marks_a_term(course):
    for text, term in [
        ("Two of them. These\nare the ***pair***: see.", "Pair\n  Two of them. These are the **pair**: see."),
        ("4. ***A batch norm.*** Scales. Moves.", "Batch norm\n  **A batch norm.** Scales."),
        ("* point\n* See [it](x.md), a ***sharp\n  one***;", "Sharp one\n  See it, a **sharp one**."),
    ]:
        place = "[01 · Tiny, section 1](<labs/01_tiny.ipynb#1.-It>)"
        assert f"{{glossary}}\n{term}\n\n  {place}\n\n```" in pages.glossary(course(f"## 1. It\n\n{text}"))


def test_glossary_is_sorted_and_has_a_term_once(course):
    first = "## 1. A\n\n***b*** is. ***Cc*** is.\n\n## What you learned\n\nThe ***b*** was."
    found = pages.terms(course(first, "## 2. D\n\n***a***, ***B***"))
    assert [(term.name, term.section) for term in found] == [("A", "2. D"), ("B", "1. A"), ("Cc", "1. A")]
    assert found[1].meanings == ["**b** is.", "The **b** was.", "**a**, **B**."]


def test_map_has_the_arrows_of_the_cards_which_send_back(course):
    page = pages.labs_map(course(card(), card("01"), card("02", "01")))
    boxes = [re.findall(r'href="labs/(\d\d)|d="M\d+ (-?\d+)', box) for box in page.split("<g ")[1:]]
    assert boxes == [[("01", "")], [("02", ""), ("", "-34")], [("03", ""), ("", "-34"), ("", "-128")]]
    rows = [re.findall(r"\(labs/(\d\d)", line) for line in page.splitlines() if line.startswith("| [")]
    assert rows == [["01"], ["02", "01"], ["03", "02", "01"]]
    assert "| is it? | nothing | 5 minutes |" in page
    for other in ("01", "77"):
        with pytest.raises(ValueError, match=rf"01_tiny\.ipynb: its card sends to {other}_tiny"):
            pages.labs_map(course(card(other), card()))


def test_formula_sheet_has_each_box_with_its_letters(course):
    box = "| Name | Formula |\n|---|---|\n| sum | $a + b$ |\n\nHere $a$ is one."
    sheet = pages.formula_sheet(course(f"## What you learned\n\n{box}\n\n## References\n\n1. A book", "no formula"))
    assert sheet.endswith(f"\n\n## [01 · Tiny](labs/01_tiny.ipynb)\n\n{box}\n\n")


@pytest.fixture
def old(tmp_path):
    """A folder with a site of one page that was built before."""
    page = save(tmp_path / "site" / "index.html")
    (page.parent / site.LIST).write_text(f"index.html\n{site.LIST}\n")
    return page.parent


def test_folders_that_hold_something_else_are_refused(old, capsys):
    letter = old / "letter.txt"
    letter.touch()
    told = {old: "holds letter.txt, which this command did not write", letter: "is a file"}
    for folder, message in {**told, **dict.fromkeys((COURSE / "site", COURSE.parent), "the course's folder")}.items():
        assert main(["site", str(folder)]) == 1
        assert message in capsys.readouterr().err


MISSING = (("pytest", "no_such_package"), "no_such_package missing: .*pip install -r .github/site-requirements")


@pytest.mark.parametrize(("needed", "told"), [MISSING, ((), "mend what Sphinx complains about above")])
def test_what_stops_a_build_leaves_the_folder(needed, told, old, capsys, monkeypatch):
    monkeypatch.setattr(site, "NEEDED", needed)
    monkeypatch.setattr(site.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))
    assert main(["site", str(old)]) == 1
    assert re.search(told, capsys.readouterr().err)
    assert (old / "index.html").is_file() and [*old.parent.iterdir()] == [old]  # nothing half done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """{path: parsed page} of the site, with a badge for Colab in one page."""
    if missing := [name for name in site.NEEDED if not find_spec(name)]:
        pytest.skip(f"{', '.join(missing)} missing: pip install -r .github/site-requirements.txt")
    soup = pytest.importorskip("bs4").BeautifulSoup  # comes with the theme

    def write(folder):
        pages.write(folder)
        with (folder / "CONTRIBUTING.md").open("a", encoding="utf-8") as page:
            page.write("\n[![Open in Colab](https://x.org/badge.svg)](https://x.org/lab)\n")

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
            if parts.scheme not in ("https", "http", "data"):
                other = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                assert other.is_file() and not parts.scheme, f"{path}: {link}"
                found = parts.fragment == "" or other not in built or built[other].find(id=unquote(parts.fragment))
                assert found, f"{path}: {link}"
    [badge] = built[folder_of(built) / "CONTRIBUTING.html"].select("a[href='https://x.org/lab']")
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
    assert all(fold.select(".cell_input") and not fold.select(".cell_output") for fold in folds)


@pytest.mark.slow
def test_browser_finds_nothing_wrong(built):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    packages = ["node", "-e", "require('playwright-core'); require('axe-core')"]
    if not chromium or not shutil.which("node") or subprocess.run(packages, capture_output=True).returncode:
        pytest.skip("needs Chromium (or CHROMIUM), node, and playwright-core and axe-core where NODE_PATH says")
    addresses = [*(path.as_uri() for path in built), f"{folder_of(built).as_uri()}/search.html?q=softmax"]
    command = ["node", str(COURSE / "tests" / "site" / "check.mjs"), *addresses]
    result = subprocess.run(command, env=os.environ | {"CHROMIUM": chromium}, capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "[]", "")
