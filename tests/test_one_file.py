"""A lab made one file: what it holds, and that it runs alone."""

import ast
import base64
import hashlib
import os
import re
import runpy
import zlib
from pathlib import Path
from unittest import mock

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests import form
from tests.compare import Tolerance, differences
from tests.execute import COURSE, code_cells, normalise, read, run, text_of
from tests.lighter import lighter
from tests.one_file import FOLDER, LARGEST, _literal, _readable, build, main, needed, without_links
from utils import data

LABS = sorted((COURSE / "labs").glob("*.ipynb"))
LIGHTER = ("05", "06", "07", "08")  # the labs that would be too large with their pictures as they ship
WHERE = "import utils\nprint(utils.__file__)"
PACKED = base64.b85encode(zlib.compress(b"another sample")).decode()
SETUP = new_code_cell("import os", metadata={"tags": ["setup"]})


def needs(*sources):
    """The files that cells of code need, but for those that all labs need."""
    notebook = new_notebook(cells=[*map(new_code_cell, sources)])
    return sorted(set(needed(notebook)) - set(needed(new_notebook())))


def lab(path, *cells):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text_of(normalise(new_notebook(cells=[new_markdown_cell("# Lab"), *cells]))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with all labs, each built once; those with lighter pictures are not run for it."""
    folder = tmp_path_factory.mktemp("one") / "new" / "folder"
    with mock.patch("tests.one_file.run", return_value=()):
        assert main(["--to", str(folder)]) == 0
    return folder


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An empty folder to work in, with no way to the course."""
    folder = tmp_path / "alone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with mock.patch.dict(os.environ):
        for name in ("LABS_HOME", "LABS_DATA", "LABS_DATA_DIR", "PYTHONPATH", "JPY_SESSION_NAME"):
            os.environ.pop(name, None)
        yield folder


def unpacking(path):
    """The source of the cells that bring the course, to be executed in the working folder."""
    cells = [cell for _, _, cell in code_cells(read(path))]
    end = next(i for i, cell in enumerate(cells) if "setup" in cell.metadata.get("tags", []))
    return [cell.source for cell in cells[:end]]


def unpack(sources):
    """Executes these cells; the folder that they point to, and their names."""
    namespace = {}
    for source in sources:
        exec(source, namespace)
    return Path(os.environ["LABS_HOME"]), namespace


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_all_that_a_lab_has_is_there_and_the_outputs_too(built, path):
    notebook, source = read(built / path.name), read(path)
    nbformat.validate(notebook)
    text = text_of(normalise(read(built / path.name)))
    assert (built / path.name).read_bytes() == text.encode(), "in normal form"
    assert notebook.nbformat_minor == 5
    added = len(notebook.cells) - len(source.cells)
    setup = next(i for i, cell in enumerate(source.cells) if "setup" in cell.metadata.get("tags", []))
    kept = notebook.cells[:setup] + notebook.cells[setup + added :]
    assert [cell.id for cell in kept] == [cell.id for cell in source.cells]
    for cell, original in zip(kept, source.cells, strict=True):
        if original.cell_type == "code":
            assert (cell.source, cell.metadata) == (original.source, original.metadata)
            assert differences(original.outputs, cell.outputs, Tolerance()) == []
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert [cell.execution_count for _, _, cell in code_cells(notebook)] == [n for n, _, _ in code_cells(notebook)]
    note, *cells = notebook.cells[setup : setup + added]
    assert note.cell_type == "markdown" and f"`{FOLDER}`" in note.source
    for cell in cells:
        assert cell.source.startswith("# @title ") and cell.metadata.jupyter.source_hidden
        assert cell.metadata.cellView == "form"
    assert re.fullmatch(
        rf"\d+ files of the course, each verified, in the folder {FOLDER}\n", cells[-1].outputs[0]["text"]
    )


def digests(path):
    """SHA-256 of the lab's sample as it is when lighter, and as it ships."""
    (sample,) = (COURSE / name for name in needed(read(path)) if name.endswith(".zip"))
    content = sample.read_bytes()
    return [hashlib.sha256(some).hexdigest() for some in (lighter(content), content)]


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_the_programs_can_be_read_and_no_link_leads_nowhere(built, path):
    lab = form.Lab(built / path.name)
    code = "\n".join(cell.source for cell in lab.notebook.cells if cell.cell_type == "code")
    code = code.replace(*digests(path)) if path.name.startswith(LIGHTER) else code
    for module in [*(COURSE / "utils").rglob("*.py"), *(COURSE / "utils").rglob("*.js")]:
        assert module.read_text(encoding="utf-8").strip() in code, module
    assert list(form.links_resolve(lab)) == []
    for rule in (form.no_local_paths, form.no_widgets_stored, form.tags_are_known):
        assert list(rule(lab)) == []


def test_samples_and_programs_are_those_that_a_lab_uses():
    extra = {path.stem[:2]: sorted(set(needed(read(path))) - set(needed(new_notebook()))) for path in LABS}
    assert extra == {
        "01": ["data/house_prices.csv"],
        "02": [],
        "03": ["data/house_prices.csv", "data/houses.csv", "labs/apps/house_price.py"],
        "04": ["data/mnist.zip"],
        "05": ["data/fashion_mnist.zip"],
        "06": ["data/fashion_mnist.zip"],
        "07": ["data/cifar10.zip"],
        "08": ["data/cats_vs_dogs.zip", "labs/apps/cats_or_dogs.py"],
    }


def test_all_labs_bring_utils_and_the_terms():
    names = needed(new_notebook())
    modules = {path.relative_to(COURSE).as_posix() for path in (COURSE / "utils").rglob("*.*") if path.suffix != ".pyc"}
    modules = {name for name in modules if (COURSE / name).is_file()}
    assert set(names) == modules | {"LICENSE", "requirements.txt", "data/README.md"}
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("from utils import data\nx = data.mnist()", ["data/mnist.zip"]),
        ("from utils import data as d\nd.houses()", ["data/houses.csv"]),
        ("import utils.data\nutils.data.cifar10('sample')", ["data/cifar10.zip"]),
        ("from utils.data import fashion_mnist as load", ["data/fashion_mnist.zip"]),
        ("from utils import data\nload = data.cats_vs_dogs", ["data/cats_vs_dogs.zip"]),
        ("from utils import data\ndata.CIFAR10_CLASSES, data.DataError, data.fetch", []),
        ("import keras\nkeras.datasets.mnist.load_data()", []),
        ("# data.mnist()\n'data.mnist()'", []),
        ("p = course / 'data' / 'make_houses.py'", ["data/make_houses.py"]),
        ("f = runtime.COURSE / 'labs/apps/house_price.py'", ["labs/apps/house_price.py"]),
        ("f = folder / 'labs/apps/house_price.py'\ng = course / 'labs' / 'apps'", []),
    ],
)
def test_what_a_cell_needs(monkeypatch, source, files):
    monkeypatch.setenv("LABS_DATA", "full")
    assert needs(source) == files


def test_needs_of_several_cells_are_joined():
    assert needs("from utils import data", "data.houses()", "data.mnist()") == ["data/houses.csv", "data/mnist.zip"]


def test_a_file_that_the_course_has_not_is_an_error():
    with pytest.raises(ValueError, match=r"labs/apps/none\.py"):
        needs("course / 'labs' / 'apps' / 'none.py'")
    with pytest.raises(ValueError, match=r"code cell 2 .* is no Python"):
        needs("1", "for")


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Back: [01 · Loss](01_loss_play.ipynb). Next: [3 [b] c](<03.ipynb> 'x')!", "Back: 01 · Loss. Next: 3 [b] c!"),
        ("[`a.py`](apps/a.py), [b](../b.md#c)", "`a.py`, b"),
        ("[a](https://a.org/b) <https://c.org> [d](#d) [e](mailto:e@f.org)", None),
        ("`[a](b.ipynb)` and ``x ` [a](b)``\n```\n[a](b.ipynb)\n```\n", None),
        ("`f` [a](b.ipynb) `g`", "`f` a `g`"),
        ("![a b c](https://a.org/b.png) <a href='https://a.org'>x</a>", None),
        ("x[0](1 + 2) and $a_[b](c d)$", None),
    ],
)
def test_links_become_words(text, alone):
    assert without_links(text) == (text if alone is None else alone)


@pytest.mark.parametrize("text", ["![a b c](b.png)", "<a href='b.ipynb'>x</a>", '<img\nsrc="b.png">', "[a]: b.ipynb"])
def test_what_would_be_lost_is_an_error(text):
    with pytest.raises(ValueError, match="leads to another file"):
        without_links(f"Words\n{text}")


@pytest.mark.parametrize(
    "text", ["a\n", "a = '''b'''\n", "\\", "\n\nx\\n\\\n", "it's '", "'''\\'''", 'ä """ {x} %s\n', ""]
)
def test_texts_stand_in_cells_as_they_are(text):
    assert ast.literal_eval(_literal(text)).removeprefix("\n") == text
    assert _readable(text.encode()) == text


def test_what_no_cell_can_hold_as_text_is_packed():
    assert _readable(b"a\r\nb\n") == "a\nb\n"
    for content in (b"\xff\xfe", b"a \nb", b"a\0", b"a\rb", b"a\t"):
        assert _readable(content) is None


def test_files_arrive_as_they_are_and_twice_is_once(built, alone, capsys):
    sources = unpacking(built / "03_single_neuron.ipynb")
    home, _ = unpack(sources)
    assert home == alone / FOLDER
    names = needed(read(COURSE / "labs" / "03_single_neuron.ipynb"))
    assert sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()) == sorted(names)
    for name in names:
        assert (home / name).read_bytes() == (COURSE / name).read_bytes().replace(b"\r\n", b"\n"), name
    (home / "mine.txt").write_text("mine")
    (home / "utils" / "runtime.py").unlink()
    times = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    assert unpack(sources)[0] == home
    assert (home / "utils" / "runtime.py").read_bytes() == (COURSE / "utils" / "runtime.py").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in times} == times
    (stored,) = read(built / "03_single_neuron.ipynb").cells[len(sources) + 1].outputs
    assert capsys.readouterr().out == 2 * stored["text"]
    assert stored["text"].startswith(f"{len(names)} files")
    unpack(unpacking(built / "04_mnist.ipynb"))
    assert (home / "data" / "mnist.zip").read_bytes() == (COURSE / "data" / "mnist.zip").read_bytes()
    assert not list(home.rglob("*.part"))


@pytest.mark.parametrize("other", [f"{FOLDER}/utils/plots/style.py", f"{FOLDER}/notes.txt", FOLDER])
def test_what_is_the_users_own_is_left_alone(built, alone, other):
    path = alone / other
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=f"is something else. Nothing was changed. Rename the folder {FOLDER}"):
        unpack(unpacking(built / "01_loss_play.ipynb"))
    assert [p for p in alone.rglob("*") if p.is_file()] == [path] and path.read_text() == "mine"
    assert "LABS_HOME" not in os.environ


@pytest.mark.parametrize(
    ("stem", "old", "new"),
    [
        ("01_loss_play", "Make runs repeatable", "Make runs"),
        ("03_single_neuron", "area_m2,", "area_m3,"),
        ("04_mnist", r"(?<=packed='''\n).*?(?=''')", PACKED),
    ],
)
def test_a_changed_text_or_sample_is_refused(built, alone, stem, old, new):
    sources = unpacking(built / f"{stem}.ipynb")
    changed = [re.sub(old, new, source, flags=re.S) for source in sources]
    assert changed != sources
    with pytest.raises(ValueError, match="was changed or damaged in this notebook"):
        unpack(changed)
    assert list(alone.iterdir()) == []


def test_where_nothing_can_be_written_a_temporary_folder_serves(built, alone, monkeypatch, capsys):
    write_bytes = Path.write_bytes

    def refuse(path, content):
        if path.is_relative_to(alone):
            raise PermissionError(13, "read-only")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    home, names = unpack(unpacking(built / "01_loss_play.ipynb"))
    assert not home.is_relative_to(alone) and (home / "utils" / "runtime.py").is_file()
    assert capsys.readouterr().out.endswith("each verified, in a temporary folder\n")
    names["temporary_home"].cleanup()


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_every_lab_is_small(built, path):
    assert (built / path.name).stat().st_size < LARGEST
    lighter = "its pictures are compressed with small losses" in (built / path.name).read_text(encoding="utf-8")
    assert lighter == path.name.startswith(LIGHTER)


def test_too_large_a_lab_is_told(capsys, monkeypatch, tmp_path):
    arguments = [str(LABS[0]), "--to", str(tmp_path)]
    assert main(arguments) == 0
    size = (tmp_path / LABS[0].name).stat().st_size
    assert capsys.readouterr().out == f"{tmp_path / LABS[0].name}: {size / 1e6:.1f} MB\n"
    monkeypatch.setattr("tests.one_file.LARGEST", size)
    assert main([*arguments, "--force"]) == 0
    assert "which is more than" in capsys.readouterr().out


SUM = "from utils import data\n(x, y), _ = data.fashion_mnist()\nprint(x.sum(), y.sum())"


def test_lighter_pictures_are_the_labs_own_and_it_prints_what_they_give(monkeypatch, alone, capsys):
    """Also where the variables lead elsewhere."""
    monkeypatch.setenv("LABS_DATA", "full")
    monkeypatch.setenv("LABS_HOME", str(COURSE))
    setup = next(cell for cell in read(LABS[0]).cells if "setup" in cell.metadata.get("tags", []))
    stored = new_code_cell(SUM, outputs=[new_output("stream", text="other\n")], execution_count=2)
    path = lab(alone / "labs" / "a.ipynb", setup, stored)
    monkeypatch.setattr("tests.one_file.LARGEST", 5_500_000)
    notebook = build(path)
    assert capsys.readouterr().out == f"{path}: with lighter pictures, it runs once to get its outputs\n"
    assert len(text_of(notebook)) < 5_500_000
    printed = notebook.cells[-1].outputs[0]["text"]
    pixels, labels = map(int, printed.splitlines()[-1].split())
    monkeypatch.delenv("LABS_DATA")
    (x, y), _ = data.fashion_mnist()
    assert labels == y.sum(dtype=int) and pixels != x.sum(dtype=int)
    assert pixels == pytest.approx(x.sum(dtype=int), rel=0.01)
    assert os.environ["LABS_HOME"] == str(COURSE), "as before"
    (alone / "a.ipynb").write_text(text_of(notebook), encoding="utf-8")
    assert sorted(entry.name for entry in alone.iterdir()) == ["a.ipynb", "labs"], "it ran elsewhere"
    unpack(unpacking(alone / "a.ipynb"))
    sets = (alone / FOLDER / "utils" / "data" / "sets.py").read_text(encoding="utf-8")
    ours = hashlib.sha256((COURSE / "data" / "fashion_mnist.zip").read_bytes()).hexdigest()
    assert (
        ours not in sets
        and hashlib.sha256((alone / FOLDER / "data" / "fashion_mnist.zip").read_bytes()).hexdigest() in sets
    )
    assert ours in (alone / FOLDER / "data" / "README.md").read_text(encoding="utf-8")


def test_a_lab_that_stops_with_lighter_pictures_is_told_and_not_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("tests.one_file.LARGEST", 2_000_000)
    path = lab(
        tmp_path / "labs" / "a.ipynb", SETUP, new_code_cell("if 1 / 0:\n    from utils import data\n    data.mnist")
    )
    assert main([str(path), "--to", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert f"{path}, code cell" in error and "division by zero" in error and "Nothing was written." in error
    assert not (tmp_path / "out").exists()


def test_building_twice_gives_the_same_file(built):
    assert text_of(build(LABS[2])).encode() == (built / LABS[2].name).read_bytes()


def test_a_lab_that_never_ran_stays_so(tmp_path):
    path = lab(tmp_path / "new.ipynb", SETUP, new_code_cell("1"))
    assert {cell.execution_count for _, _, cell in code_cells(build(path))} == {None}


def refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path, capsys):
    source = lab(tmp_path / "labs" / "a.ipynb", SETUP)
    other = lab(tmp_path / "labs" / "b.ipynb", SETUP)
    there = tmp_path / "out" / "b.ipynb"
    there.parent.mkdir()
    there.write_text("mine")
    told = refused([source, other, "--to", there.parent], capsys)
    assert f"{there} is there already: --force replaces it" in told
    assert [*there.parent.iterdir()] == [there] and there.read_text() == "mine"
    assert main([str(source), str(other), "--to", str(there.parent), "--force"]) == 0
    assert sorted(path.name for path in there.parent.iterdir()) == ["a.ipynb", "b.ipynb"]
    assert len(read(there).cells) > 5
    assert read(source).cells[0].source == "# Lab" and len(read(source).cells) == 2


def test_the_source_is_never_overwritten(tmp_path, capsys):
    source = lab(tmp_path / "labs" / "a.ipynb", SETUP)
    before = source.read_bytes()
    assert "would be overwritten" in refused([source, "--to", tmp_path / "labs", "--force"], capsys)
    (tmp_path / "link").symlink_to(tmp_path / "labs")
    assert "would be overwritten" in refused([source, "--to", tmp_path / "link", "--force"], capsys)
    assert source.read_bytes() == before


@pytest.mark.parametrize("folder", [".", "labs", "data/cache/mine"])
def test_nothing_is_built_into_the_course(folder, capsys):
    assert "is in the course's folder" in refused([LABS[0], "--to", COURSE / folder, "--force"], capsys)
    assert not (COURSE / folder / LABS[0].name).exists() or folder == "labs"


def test_wrong_names_are_told(tmp_path, capsys):
    assert "no such file: none.ipynb" in refused(["none.ipynb", "--to", tmp_path], capsys)
    a, b = (lab(tmp_path / name / "a.ipynb", SETUP) for name in "ab")
    assert "the same file name" in refused([a, b, "--to", tmp_path / "out"], capsys)
    assert "--to" in refused([a], capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (new_code_cell("1"), "no cell with the tag setup"),
        (new_markdown_cell("![a b c](b.png)"), "leads to another file"),
    ],
)
def test_with_a_lab_that_cannot_be_built_none_is_written(tmp_path, capsys, cell, told):
    good = lab(tmp_path / "labs" / "a.ipynb", SETUP)
    bad = lab(tmp_path / "labs" / "b.ipynb", *([SETUP] if cell.cell_type == "markdown" else []), cell)
    assert main([str(good), str(bad), "--to", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert str(bad) in error and told in error and "Nothing was written." in error
    assert not (tmp_path / "out").exists()


def test_no_notebook_and_no_folder_are_told(tmp_path, capsys):
    (tmp_path / "a.ipynb").write_text("no")
    assert main([str(tmp_path / "a.ipynb"), "--to", str(tmp_path / "out")]) == 1
    assert "is not a notebook" in capsys.readouterr().err
    assert main([str(LABS[0]), "--to", str(tmp_path / "a.ipynb" / "x")]) == 1
    assert "name another folder" in capsys.readouterr().err


def test_it_is_a_command(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["tests.one_file", str(LABS[1]), "--to", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(COURSE / "tests" / "one_file.py"), run_name="__main__")
    assert stop.value.code == 0 and (tmp_path / LABS[1].name).is_file()


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=() if path.stem[:2] == "01" else pytest.mark.slow) for path in LABS],
)
def test_it_runs_alone_and_gives_what_is_stored(alone, path):
    """With the course out of reach: in an empty folder, without the variables that lead to it."""
    notebook = build(path)
    notebook.cells.append(new_code_cell(WHERE))
    for number, cell, got in run(notebook, alone, path.stem):
        if cell.source == WHERE:
            assert got[0]["text"] == f"{alone / FOLDER / 'utils' / '__init__.py'}\n"
        else:
            tolerance = Tolerance.from_tags(cell.metadata.get("tags", []))
            assert differences(cell.outputs, got, tolerance) == [], f"code cell {number}: {cell.source[:60]}"
    assert [entry.name for entry in alone.iterdir()] == [FOLDER]
