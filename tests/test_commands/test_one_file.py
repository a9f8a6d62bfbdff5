"""A lab made one file: what it holds, and that it runs alone."""

import io
import os
import re
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from tests.__main__ import main
from tests.commands import one_file
from tests.commands.execute import execute
from tests.commands.one_file import FOLDER, LARGEST, lighter, needed, without_links
from tests.course import rules
from tests.course.compare import Tolerance, differences
from tests.course.kernel import LabKernel
from tests.course.lab import COURSE, Lab, labs, text_of
from tests.tiny import code, markdown, printed, save, whole_lab
from utils import data

SETUP = code("import os\nimport sys\n\nsys.path.insert(0, os.environ['LABS_HOME'])", tags=["setup"])


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An empty folder to work in, with no way to the course."""
    monkeypatch.setenv("LABS_HOME", "")  # so that it goes after the test
    for name in (*one_file.SETTINGS, "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "alone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A lab with the outputs that it gives, and what is made of it."""
    folder = tmp_path_factory.mktemp("one_file")
    path = save(folder / "labs" / "99_tiny.ipynb", *whole_lab())
    with mock.patch.dict(os.environ, LABS_HOME=str(COURSE)):
        execute(path)
    assert main(["one_file", str(path), "--to", str(folder / "new" / "out")]) == 0
    return Lab(path), Lab(folder / "new" / "out" / path.name)


def unpack(lab):
    """Executes its first cell in the working folder. Returns the folder that it points to."""
    exec(lab.code[0].cell.source, {})
    return Path(os.environ["LABS_HOME"])


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_all_that_a_lab_has_is_there(tiny):
    lab, made = tiny
    place = lab.setup.place
    note, files = made.notebook.cells[place : place + 2]
    assert f"`{FOLDER}`" in note.source and f"in the folder {FOLDER}" in files.outputs[0].text
    assert files.metadata.jupyter.source_hidden and files.metadata.cellView == "form"
    others = made.notebook.cells[:place] + made.notebook.cells[place + 2 :]
    for before, cell in zip(lab.notebook.cells, others, strict=True):
        assert all(cell.get(key) == before.get(key) for key in ("id", "metadata", "outputs"))
        assert cell.source == (without_links(before.source) if cell.cell_type == "markdown" else before.source)
    asked = [rule for rule in rules.RULES if rule not in (rules.setup_comes_first, rules.cells_are_short)]
    assert [problem for rule in asked for problem in rule(made)] == []
    assert made.path.read_bytes() == text_of(one_file.built(lab.path)).encode(), "twice the same"


@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_no_lab_loses_a_link_or_lacks_a_file(path):
    lab = Lab(path)
    for cell in lab.notebook.cells:
        without_links(cell.source if cell.cell_type == "markdown" else "")
    assert all((COURSE / name).is_file() for name in needed(lab))


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("from utils import data\nx = data.mnist()", {"data/mnist.zip"}),
        ("data.FASHION_CLASSES, tf.data.Dataset, keras.datasets.mnist", set()),
        ("course / 'labs' / 'apps' / 'house_price.py'", {"labs/apps/house_price.py"}),
    ],
)
def test_what_a_lab_needs(tmp_path, source, files):
    bare = set(needed(Lab(save(tmp_path / "bare.ipynb", SETUP))))
    modules = {path.relative_to(COURSE).as_posix() for path in (COURSE / "utils").rglob("*.[pj]*") if path.is_file()}
    assert bare == {name for name in modules if ".pyc" not in name} | {*one_file.ALWAYS}
    assert set(needed(Lab(save(tmp_path / "a.ipynb", SETUP, code(source))))) - bare == files


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Back: [01 · Loss](01_loss.ipynb). Next: [3 [b] c](03.ipynb)!", "Back: 01 · Loss. Next: 3 [b] c!"),
        ("[`a.py`](apps/a.py), [b](../b.md#c)", "`a.py`, b"),
        ("[a](https://a.org/b) <https://c.org> [d](#d) [e](mailto:e@f.org)", None),
        ("`[a](b.ipynb)` and ``x ` [a](b)``\n```\n[a](b.ipynb)\n```\n", None),
        ("![a b c](https://a.org/b.png) <a href='https://a.org'>x</a> x[0](1 + 2)", None),
    ],
)
def test_links_become_words(text, alone):
    assert without_links(text) == (text if alone is None else alone)


@pytest.mark.parametrize("text", ["![a b c](b.png)", '<img\nsrc="b.png">', "[a]\n\n[a]: b.png"])
def test_what_would_be_lost_is_an_error(text):
    with pytest.raises(ValueError, match=r"b\.png is another file: link it as"):
        without_links(f"Words\n{text}")


def test_files_arrive_as_they_are_and_twice_is_once(tiny, alone, capsys):
    lab, made = tiny
    home = unpack(made)
    assert home == alone / FOLDER
    assert files_in(home) == needed(lab) and "data/house_prices.csv" in needed(lab)
    assert all((home / name).read_bytes() == (COURSE / name).read_bytes() for name in needed(lab))
    (home / "mine.txt").write_text("mine")
    (home / "utils" / "runtime.py").unlink()
    times = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    assert unpack(made) == home
    assert (home / "utils" / "runtime.py").read_bytes() == (COURSE / "utils" / "runtime.py").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert capsys.readouterr().out == 2 * made.code[0].cell.outputs[0].text


@pytest.mark.parametrize("other", [f"{FOLDER}/utils/plots/style.py", FOLDER])
def test_where_other_files_have_the_names_a_temporary_folder_serves(tiny, alone, capsys, other):
    path = alone / other
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    first, second = unpack(tiny[1]), unpack(tiny[1])
    assert files_in(first) == files_in(second) == needed(tiny[0]), "what runs already keeps its files"
    assert not first.is_relative_to(alone) and capsys.readouterr().out.endswith(" in a temporary folder\n")
    assert files_in(alone) == [other] and path.read_text() == "mine"


def test_a_damaged_notebook_is_told(tiny, alone):
    lines = tiny[1].code[0].cell.source.split("\n")
    packed = [number for number, text in enumerate(lines) if len(text) > 1000][5]
    lines[packed] = lines[packed][:500] + "00" + lines[packed][502:]
    with pytest.raises(ValueError, match="changed or damaged: take the notebook anew"):
        exec("\n".join(lines), {})
    assert files_in(alone) == []


def test_lighter_pictures_are_the_labs_own_and_it_prints_what_they_give(monkeypatch, alone, capsys):
    """Also where the variables lead elsewhere."""
    monkeypatch.setenv("LABS_DATA", "full")
    monkeypatch.setenv("LABS_HOME", str(COURSE))
    monkeypatch.setattr(one_file, "LARGEST", 5_500_000)
    monkeypatch.setitem(one_file.KINDS, "webp", ("webp", {"method": 0}))  # saves time
    pictures = "from utils import data\n\n(x, y), _ = data.fashion_mnist()\nprint(x.sum(), y.sum())"
    path = save(alone / "labs" / "a.ipynb", markdown("# A"), SETUP, code(pictures, printed("1 2\n")))
    assert main(["one_file", str(path), "--to", str(alone / "out")]) == 0
    assert "with lighter pictures, it runs once to get its outputs" in capsys.readouterr().out
    assert files_in(alone) == ["labs/a.ipynb", "out/a.ipynb"], "it ran elsewhere"
    assert os.environ["LABS_HOME"] == str(COURSE), "as before"
    lab = Lab(alone / "out" / "a.ipynb")
    assert "compressed with small losses" in lab.notebook.cells[1].source
    assert lab.path.stat().st_size < 5_500_000
    monkeypatch.delenv("LABS_DATA")
    (x, y), _ = data.fashion_mnist()
    said = [int(number) for number in re.findall(r"\d+", lab.code[-1].cell.outputs[0].text.splitlines()[-1])]
    assert said[1] == y.sum() and said[0] != x.sum() and said[0] == pytest.approx(int(x.sum()), rel=0.01)


@pytest.mark.parametrize("path", sorted((COURSE / "data").glob("*.zip")), ids=lambda path: path.stem)
def test_lighter_pictures_are_nearly_as_they_were(path):
    content = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(content, "w") as part:
        for name in [*archive.namelist()[:3], archive.namelist()[-1]]:
            part.writestr(name, archive.read(name))
    light = lighter(content.getvalue())
    with zipfile.ZipFile(content) as before, zipfile.ZipFile(io.BytesIO(light)) as after:
        for old, new in zip(before.namelist(), after.namelist(), strict=True):
            assert old.rpartition(".")[0] == new.rpartition(".")[0]
            files = before.read(old), after.read(new)
            if old.endswith(".txt"):
                assert files[0] == files[1]
                continue
            a, b = (np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), float) for file in files)
            loss = np.sqrt(np.mean((a - b) ** 2))
            assert 0 < loss < 0.025 * 255 if len(files[1]) < len(files[0]) else loss == 0
    assert len(light) < 0.85 * len(content.getvalue()) or path.stem == "mnist"  # of which losses make nothing smaller


def test_too_large_a_lab_is_told(tiny, capsys, monkeypatch, tmp_path):
    size = tiny[1].path.stat().st_size
    monkeypatch.setattr(one_file, "LARGEST", size)
    assert main(["one_file", str(tiny[0].path), "--to", str(tmp_path)]) == 0
    assert f"{size / 1e6:.1f} MB, which is more than" in capsys.readouterr().out


def test_a_file_that_is_there_is_replaced_only_when_forced(tmp_path, capsys):
    paths = [save(tmp_path / "labs" / name, SETUP) for name in ("a.ipynb", "b.ipynb")]
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.ipynb").write_text("mine")
    arguments = ["one_file", *map(str, paths), "--to", str(out)]
    assert main(arguments) == 1
    assert f"{out / 'b.ipynb'} is there already: --force replaces it" in capsys.readouterr().err
    assert files_in(out) == ["b.ipynb"] and (out / "b.ipynb").read_text() == "mine"
    assert main([*arguments, "--force"]) == 0
    assert files_in(out) == ["a.ipynb", "b.ipynb"] and len(Lab(out / "b.ipynb").code) == 2


REFUSED = {
    "the same file name": ["{0}/a/a.ipynb", "{0}/b/a.ipynb", "--to", "{0}/out"],
    "would be overwritten": ["{0}/a/a.ipynb", "--to", "{0}/link", "--force"],
    "is in the course's folder": ["{0}/a/a.ipynb", "--to", f"{COURSE}/data/cache/mine", "--force"],
    "is a file: name a folder": ["{0}/a/a.ipynb", "--to", "{0}/a/a.ipynb"],
    "picture.ipynb: b.png is another file": ["{0}/a/a.ipynb", "{0}/picture.ipynb", "--to", "{0}/out"],
}


@pytest.mark.parametrize(("told", "arguments"), REFUSED.items())
def test_what_cannot_be_done_is_told_and_nothing_is_written(tmp_path, capsys, told, arguments):
    for name in ("a/a.ipynb", "b/a.ipynb"):
        save(tmp_path / name, SETUP)
    save(tmp_path / "picture.ipynb", SETUP, markdown("![a b c](b.png)"))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    assert main(["one_file", *(argument.format(tmp_path) for argument in arguments)]) == 1
    assert told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")} == before
    assert not (COURSE / "data" / "cache" / "mine").exists()


@pytest.mark.parametrize("path", [None, *(pytest.param(path, id=path.stem, marks=pytest.mark.slow) for path in labs())])
def test_it_runs_alone_and_gives_what_is_stored(tiny, alone, path):
    """With the course out of reach: in an empty folder, without the variables that lead to it."""
    made = tiny[1]
    if path:
        made = Lab(path)
        made.notebook = one_file.built(path)
        assert len(text_of(made.notebook).encode()) < LARGEST
    with LabKernel(made, alone) as kernel:
        for one in made.code:
            assert differences(one.cell.outputs, kernel.run(one), Tolerance.from_tags(one.tags)) == [], str(one)
        assert kernel.ask("import utils\nprint(utils.__file__)") == f"{alone / FOLDER / 'utils' / '__init__.py'}\n"
    assert [entry.name for entry in alone.iterdir()] == [FOLDER]
