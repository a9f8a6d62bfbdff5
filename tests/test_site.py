"""The site: what is prepared for Sphinx, what Sphinx makes of it, and how a browser shows that.

Sphinx and a browser are no part of requirements.txt: what needs them is slow, and
skipped with a reason where they are not.
"""

import functools
import html.parser
import http.server
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from tests import site

LABS = sorted((site.COURSE / "labs").glob("*.ipynb"))
STEMS = [path.stem for path in LABS]
LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    site.prepare(folder)
    return folder


def figures(notebook):
    """(cell's metadata, output) of each figure."""
    return [
        (cell.metadata, output)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def texts(sources):
    """{page: its Markdown, without code}."""
    found = {}
    for path in sources.rglob("*"):
        if path.suffix == ".ipynb":
            cells = nbformat.read(path, as_version=4).cells
            text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        elif path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
        else:
            continue
        text = re.sub(r"^```\{.*$", "", text, flags=re.M)  # the glossary is no code
        found[path.relative_to(sources).as_posix()] = site._CODE.sub("", text)
    return found


@pytest.mark.parametrize("path", LABS, ids=STEMS)
def test_every_figure_keeps_its_alternative_text(path, sources):
    stored = figures(nbformat.read(path, as_version=4))
    shown = figures(nbformat.read(sources / "labs" / path.name, as_version=4))
    assert stored
    assert len(shown) == len(stored)
    for (metadata, output), (_, before) in zip(shown, stored):
        assert metadata["mystnb"]["image"]["alt"] == before.metadata["image/png"]["alt"]
        assert output.data["image/png"] == before.data["image/png"]


@pytest.mark.parametrize("path", LABS, ids=STEMS)
def test_every_output_is_shown_in_its_order(path, sources):
    assert outputs(nbformat.read(sources / "labs" / path.name, as_version=4)) == outputs(nbformat.read(path, 4))


@pytest.mark.parametrize("path", LABS, ids=STEMS)
def test_solutions_and_setup_are_folded_and_their_outputs_not(path, sources):
    cells = nbformat.read(sources / "labs" / path.name, as_version=4).cells
    folded = [i for i, cell in enumerate(cells) if {"solution", "setup"} & set(cell.metadata.get("tags", []))]
    assert len(folded) >= 3
    for number in folded:
        assert re.fullmatch(r"<details><summary>(Solution \d|Setup.*)</summary>", cells[number - 1].source)
        assert cells[number + 1].source == "</details>"
        assert cells[number].outputs == []


def test_two_figures_of_a_cell_keep_their_own_texts():
    def figure(alt):
        return nbformat.v4.new_output("display_data", {"image/png": "AAAA"}, metadata={"image/png": {"alt": alt}})

    cell = nbformat.v4.new_code_cell("draw()", outputs=[figure("one"), figure("two")])
    first, second = site._code_cells(cell, "lab")
    assert [first.metadata.mystnb.image.alt, second.metadata.mystnb.image.alt] == ["one", "two"]
    assert "remove-input" not in first.metadata.get("tags", [])
    assert second.metadata.tags == ["remove-input"]
    assert second.source  # without source a cell and its outputs are left out
    with pytest.raises(ValueError, match="no alternative text"):
        site._code_cells(nbformat.v4.new_code_cell("draw()", outputs=[figure(" ")]), "lab")


def test_every_lab_is_in_the_contents_and_on_the_map(sources):
    contents = (sources / "labs" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^\d\d_\w+$", contents, re.M) == STEMS
    chart = (sources / "map.md").read_text(encoding="utf-8")
    assert re.findall(r'<a href="labs/(\w+)\.html">', chart) == STEMS
    assert re.findall(r"^\| \[[^\]]*\]\(labs/(\w+)\.ipynb\) ", chart, re.M) == STEMS


def test_map_has_the_arrows_of_the_cards(sources):
    course = site.labs()
    before = {lab.path.stem[:2]: [stem[:2] for stem in lab.before] for lab in course}
    assert before["01"] == []
    assert before["03"] == ["01", "02"]
    chart = (sources / "map.md").read_text(encoding="utf-8")
    assert chart.count("marker-end") == sum(map(len, before.values()))
    [row] = [line for line in chart.splitlines() if line.startswith("| [03")]
    assert re.findall(r"\(labs/(\w\w)\w+\.ipynb\)", row) == ["03", "01", "02"]


def test_a_card_that_sends_forward_is_refused(monkeypatch):
    made = site._lab

    def forward(path):
        lab = made(path)
        lab.before.extend(["04_mnist"] if lab.number == "02" else [])
        return lab

    monkeypatch.setattr(site, "_lab", forward)
    with pytest.raises(ValueError, match=r"02_gradient_descent\.ipynb.* 04_mnist"):
        site.labs()


@pytest.mark.parametrize("path", LABS, ids=STEMS)
def test_glossary_has_terms_of_every_lab(path, sources):
    text = (sources / "glossary.md").read_text(encoding="utf-8")
    assert text.count(f"(#lab-{path.stem[:2]}-section-") >= 3


def test_glossary_takes_the_labs_own_words():
    found = {term.name: term for term in site.terms(site.labs())}
    assert found["Residual"].lab.number == "01"
    assert found["Residual"].meaning.startswith(
        "The **residual** of a point, also called its error, is the prediction minus"
    )
    assert found["Softmax"].meaning.count("$$") == 2  # the formula after it
    assert "\n\n**Softmax** makes probabilities of scores" in found["Softmax"].meaning  # from What you learned
    assert found["Parameters"].meaning.startswith("The **weight** $w$ says")  # what "These" are
    assert "Feature maps" not in found  # Feature map is there
    names = [*map(str.casefold, found)]
    assert names == sorted(names)
    assert all(term.meaning.endswith((".", "$$", ".)", ".**")) for term in found.values())


def test_words_that_are_no_terms_are_still_in_the_labs():
    keys = {
        site._named(bold)[1]
        for lab in site.labs()
        for text in lab.markdown()
        for bold in re.findall(r"\*\*([^*]+)\*\*", text)
    }
    assert keys >= site.BOLD_ONLY


@pytest.mark.parametrize("path", LABS, ids=STEMS)
def test_formula_sheet_has_each_formula_box_whole(path, sources):
    pages = re.split(r"^## ", (sources / "formulas.md").read_text(encoding="utf-8"), flags=re.M)
    [page] = [page for page in pages if f"(labs/{path.name})" in page.partition("\n")[0]]
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    rows = re.findall(r"^\| .*\$.* \|$", text.partition("| Name | Formula |")[2].partition("## References")[0], re.M)
    assert len(rows) >= 4
    assert [row for row in rows if row not in page] == []
    assert "References" not in page


def test_links_between_pages_resolve(sources):
    found = texts(sources)
    targets = {name for text in found.values() for name in re.findall(r"^\(([\w-]+)\)=$", text, re.M)}
    assert len(targets) > 40
    links = 0
    for page, text in found.items():
        for _, _, target in LINK.findall(text):
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            assert (sources / posixpath.dirname(page) / unquote(path)).exists(), f"{page}: {target}"
            if not path:
                assert anchor in targets, f"{page}: {target}"
            links += 1
    assert links > 140


def test_start_page_has_the_readme_s_commands(sources):
    readme = (site.COURSE / "README.md").read_text(encoding="utf-8")
    start = (sources / "start.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if "jupyter lab labs" in line]
    assert len(commands) >= 3
    assert [line for line in commands if line not in start] == []
    assert "## Run the tests" not in start


def test_card_names_colab_only_with_an_address():
    lab = site.labs()[0]
    prepared = site.Sources(Path())
    assert "In Colab" in lab.notebook.cells[0].source
    assert "In Colab" not in prepared.page(lab).cells[0].source
    card = lab.notebook.cells[0]
    badge = "[![Open in Colab](https://x.org/badge.svg)](https://x.org/lab)"
    card.source = re.sub(r"(?<=\*\*In Colab\*\* \| ).*(?= \|)", badge, card.source)
    assert "| **In Colab** | [Open in Colab](https://x.org/lab) |" in prepared.page(lab).cells[0].source


def test_links_lead_to_pages_of_the_files():
    prepared = site.Sources(Path())
    text = prepared.linked("[a](../data/README.md#b) [c](apps/house_price.py) `[d](e)`", "labs/x.ipynb", "labs/x.ipynb")
    assert text == "[a](../data/README.md#b) [c](../files/labs/apps/house_price.py.md) `[d](e)`"
    assert prepared.wanted == ["data/README.md", "labs/apps/house_price.py"]
    for wrong in (
        "[a](nothing.md)",
        "[a](../../etc/passwd)",
        "![](x.png)",
        "![a](https://x.org/a.png)",
        '<img src="a">',
    ):
        with pytest.raises(ValueError, match=r"no file of the course|cannot follow"):
            prepared.linked(wrong)


def test_folders_that_hold_something_else_are_refused(tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "letter.txt").write_text("dear")
    for folder, message in (
        (tmp_path, "letter.txt, which this command did not write"),
        (tmp_path / "sub" / "letter.txt", "is a file"),
        (site.COURSE / "site", "the course's folder"),
        (site.COURSE.parent, "the course's folder"),
    ):
        with pytest.raises(SystemExit):
            site.main([str(folder)])
        assert message in capsys.readouterr().err
    assert (tmp_path / "sub" / "letter.txt").read_text() == "dear"


def test_only_what_an_earlier_run_wrote_may_go(tmp_path):
    (tmp_path / site.LIST).write_text("index.html\nlabs/a.html\n")
    (tmp_path / "labs").mkdir()
    (tmp_path / "index.html").touch()
    (tmp_path / "labs" / "a.html").touch()
    assert site.foreign(tmp_path) == []
    (tmp_path / "CNAME").touch()
    assert site.foreign(tmp_path) == ["CNAME"]


def test_missing_packages_are_told_with_the_pip_line(tmp_path, capsys, monkeypatch):
    def version(name):
        if name == "sphinx":
            return "1.0"
        raise site.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(site.metadata, "version", version)
    assert site.main([str(tmp_path / "new")]) == 1
    said = capsys.readouterr().err
    assert "sphinx<10,>=9" in said
    assert "myst-nb" in said
    assert "pip install -r .github/site-requirements.txt" in said
    assert not (tmp_path / "new").exists()


def test_a_build_that_fails_leaves_the_folder(tmp_path, capsys, monkeypatch):
    (tmp_path / site.LIST).write_text("index.html\n")
    (tmp_path / "index.html").write_text("before")
    monkeypatch.setattr(site, "missing_packages", lambda: [])
    monkeypatch.setattr(site, "prepare", lambda folder: None)
    monkeypatch.setattr(site.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))
    assert site.main([str(tmp_path)]) == 1
    assert (tmp_path / "index.html").read_text() == "before"
    assert "Sphinx complains about above" in capsys.readouterr().err


class Page(html.parser.HTMLParser):
    """The links, names and pictures of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.names, self.pictures, self.folds = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "id" in given:
            self.names.append(given["id"])
        self.links += [given[key] for key in ("href", "src") if given.get(key)]
        if tag == "img":
            self.pictures.append(given.get("alt"))
        if tag == "summary":
            self.folds.append(tag)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if missing := site.missing_packages():
        pytest.skip(f"{', '.join(missing)} missing: pip install -r {site.REQUIREMENTS}")
    folder = tmp_path_factory.mktemp("site") / "new"
    command = [sys.executable, "-m", "tests.site", str(folder)]
    result = subprocess.run(command, cwd=site.COURSE, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # no warning
    return folder


def pages(folder):
    return sorted(path for path in folder.rglob("*.html") if "_static" not in path.parts)


@pytest.mark.slow
def test_built_site_has_no_dead_link(built):
    found = {path: Page(path) for path in pages(built)}
    assert len(found) >= len(LABS) + 6
    for path, page in found.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert parts.scheme in ("https", "http", "data"), f"{path}: {link}"
                continue
            other = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert other.is_file(), f"{path}: {link}"
            if parts.fragment and other.suffix == ".html":
                assert unquote(parts.fragment) in found[other].names, f"{path}: {link}"


@pytest.mark.slow
def test_built_site_needs_no_network(built):
    for path in pages(built):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)\b[^>]*\bsrc=\"(?:https?:)?//", text) == [], path
        assert re.findall(r"<link\b[^>]*rel=\"stylesheet\"[^>]*href=\"(?:https?:)?//", text) == [], path


@pytest.mark.slow
@pytest.mark.parametrize("path", LABS, ids=STEMS)
def test_built_lab_shows_its_figures_and_formulas(path, built):
    stored = nbformat.read(path, as_version=4)
    page = Page(built / "labs" / f"{path.stem}.html")
    alternative = [output.metadata["image/png"]["alt"].split() for _, output in figures(stored)]
    assert [text.split() for text in page.pictures] == alternative
    source = "".join(cell.source for cell in stored.cells if cell.cell_type == "markdown")
    text = (built / "labs" / f"{path.stem}.html").read_text(encoding="utf-8")
    assert text.count("<math") > 5
    assert "\\frac" not in text
    printed = [output.text for output in outputs(stored) if output.output_type == "stream"]
    assert text.count('class="output stream') == len(printed)
    folded = sum("solution" in cell.metadata.get("tags", []) for cell in stored.cells) + 1
    assert len(page.folds) == source.count("<summary>") + folded


@pytest.mark.slow
def test_every_picture_has_alternative_text(built):
    for path in pages(built):
        assert all(Page(path).pictures), path


@pytest.mark.slow
def test_a_second_build_takes_the_place_of_the_first(built, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(built, folder)
    (folder / "old.html").touch()
    (folder / site.LIST).write_text((built / site.LIST).read_text() + "old.html\n")
    assert site.main([str(folder)]) == 0
    assert sorted(path.name for path in folder.rglob("*")) == sorted(path.name for path in built.rglob("*"))
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]  # nothing half done


def browser():
    """The environment in which tests/site_check.mjs runs; skips where something for it is missing."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("there is no Chromium here: install it, or set CHROMIUM to its path")
    if shutil.which("node") is None:
        pytest.skip("there is no node here")
    wanted = "require('playwright-core'); require('axe-core')"
    if subprocess.run(["node", "-e", wanted], capture_output=True).returncode:
        pytest.skip("npm install playwright-core axe-core, and set NODE_PATH to that node_modules")
    return os.environ | {"CHROMIUM": chromium}


@pytest.mark.slow
def test_browser_finds_nothing_wrong(built):
    environment = browser()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=built))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        addresses = [f"{address}/{path.relative_to(built).as_posix()}" for path in pages(built)]
        for start in (address, built.as_uri()):  # also as files, without a server
            addresses += [f"{start}/search.html?q=softmax"]
        addresses += [f"{built.as_uri()}/labs/{STEMS[0]}.html"]
        command = ["node", str(site.COURSE / "tests" / "site_check.mjs"), *addresses]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")
    finally:
        server.shutdown()
        server.server_close()
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []
