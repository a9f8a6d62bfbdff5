"""A lab made one file: what it holds, and that it runs alone."""

import io
import os
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
from tests.tiny_labs import code, markdown, printed, save, whole_lab
from utils import data

SETUP = code("import os\nimport sys\n\nsys.path.insert(0, os.environ['LABS_HOME'])", tags=["setup"])  # the real one
PLOTS = code("from utils import plots\n\nplots.setup()")  # imports TensorFlow, which takes its time


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An empty folder to work in, with no way to the course."""
    monkeypatch.setenv("LABS_HOME", "")  # so that it goes after the test
    for name in (*one_file.SETTINGS, "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A lab with the outputs that it gives, and what is made of it."""
    folder = tmp_path_factory.mktemp("one_file")
    title, _, *cells = whole_lab()
    path = save(folder / "labs" / "99_tiny.ipynb", title, SETUP, PLOTS, *cells)
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
        if cell.cell_type == "markdown":
            before.source = without_links(before.source, lab.path)
        assert all(cell.get(key) == before.get(key) for key in ("source", "id", "metadata", "outputs"))
    asked = [rule for rule in rules.RULES if rule not in (rules.setup_comes_first, rules.cells_are_short)]
    assert [problem for rule in asked for problem in rule(made)] == []
    assert made.path.read_bytes() == text_of(one_file.built(lab.path)).encode(), "twice the same"


@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_no_lab_loses_a_link_or_lacks_a_file(path):
    assert "](apps/" not in text_of(one_file.joined(path, {}, "").notebook)
    assert all((COURSE / name).is_file() for name in needed(Lab(path)))


def test_what_a_lab_needs(tmp_path):
    bare = {*needed(Lab(save(tmp_path / "bare.ipynb", SETUP)))}
    assert bare >= {"LICENSE", "utils/runtime.py", "utils/widgets/canvas.js", "utils/checks/recorded.json"}
    assert not any("cache" in name or name.startswith(("labs", "tests")) for name in bare)
    source = "data.mnist(), data.FASHION_CLASSES, tf.data.Dataset, keras.datasets.cifar10, 'house_price.py'"
    more = {*needed(Lab(save(tmp_path / "a.ipynb", SETUP, code(source))))} - bare
    assert more == {"data/mnist.zip", "labs/apps/house_price.py"}


def test_links_become_words_and_what_would_be_lost_is_an_error():
    for text, alone in [
        ("Back: [01 · Loss](01_loss.ipynb). Next: [3 [b] `c`](../c.md#d)!", "Back: 01 · Loss. Next: 3 [b] `c`!"),
        ("[a](https://a.org/b) <https://c.org> [d](#d) [e](mailto:e@f.org)", None),
        ("`[a](b.ipynb)` and ``x ` [a](b)``\n```\n[a](b.ipynb)\n```\n", None),
        ("![a b c](https://a.org/b.png) <a href='https://a.org'>x</a> x[0](1 + 2)", None),
    ]:
        assert without_links(text, "a.ipynb") == (text if alone is None else alone)
    for text in ("![a b c](b.png)", '<img\nsrc="b.png">', "[a]\n\n[a]: b.png"):
        with pytest.raises(ValueError, match=r"^a\.ipynb: b\.png is another file: link it as"):
            without_links(f"Words\n{text}", "a.ipynb")


def test_files_arrive_as_they_are_twice_is_once_and_damage_is_told(tiny, alone, capsys):
    lab, made = tiny
    home = unpack(made)
    files = {alone / FOLDER / name: (COURSE / name).read_bytes() for name in needed(lab)}
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == files
    (home / "utils" / "runtime.py").unlink()
    times = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    assert unpack(made) == home
    assert {path: path.read_bytes() for path in files} == files
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert capsys.readouterr().out == 2 * made.code[0].cell.outputs[0].text
    source = made.code[0].cell.source
    with pytest.raises(ValueError, match="changed or damaged: take the notebook anew"):
        exec(f"{source[:30000]}00{source[30002:]}", {})


@pytest.mark.parametrize("other", [f"{FOLDER}/utils/plots/style.py", FOLDER])
def test_where_other_files_have_the_names_a_temporary_folder_serves(tiny, alone, capsys, other):
    mine = save(alone / other).read_bytes()
    first, second = unpack(tiny[1]), unpack(tiny[1])
    assert files_in(first) == files_in(second) == needed(tiny[0]), "what runs already keeps its files"
    assert not first.is_relative_to(alone) and capsys.readouterr().out.endswith(" in a temporary folder\n")
    assert files_in(alone) == [other] and (alone / other).read_bytes() == mine


def test_lighter_pictures_are_the_labs_own_and_it_prints_what_they_give(monkeypatch, alone, capsys):
    """Also where the variables lead elsewhere."""
    monkeypatch.setenv("LABS_DATA", "full")
    monkeypatch.setenv("LABS_HOME", str(COURSE))
    monkeypatch.setattr(one_file, "LARGEST", 5_500_000)
    monkeypatch.setitem(one_file.KINDS, "webp", ("webp", {"method": 0}))  # saves time
    pictures = "from utils import data\n\n(x, y), _ = data.fashion_mnist()\nprint(x.sum(), y.sum())"
    path = save(alone / "labs" / "a.ipynb", markdown("# A"), SETUP, code(pictures, printed("1 2\n")))
    assert main(["one_file", str(path), "--to", str(alone / "out")]) == 0
    assert "with lighter pictures, it runs once" in capsys.readouterr().out
    assert files_in(alone) == ["labs/a.ipynb", "out/a.ipynb"], "it ran elsewhere"
    lab = Lab(alone / "out" / "a.ipynb")
    assert "compressed with losses" in lab.notebook.cells[1].source and lab.path.stat().st_size < 5_500_000
    monkeypatch.setenv("LABS_DATA", "sample")
    (x, y), _ = data.fashion_mnist()
    ink, classes = map(int, lab.code[-1].cell.outputs[0].text.splitlines()[-1].split())
    assert classes == y.sum() and ink != x.sum() and ink == pytest.approx(int(x.sum()), rel=0.01)


@pytest.mark.parametrize(("quality", "most"), [(one_file.QUALITIES[0], 0.025), (one_file.QUALITIES[-1], 0.04)])
@pytest.mark.parametrize("path", sorted((COURSE / "data").glob("*.zip")), ids=lambda path: path.stem)
def test_lighter_pictures_are_nearly_as_they_were(path, quality, most):
    content = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(content, "w") as part:
        for name in [*archive.namelist()[:3], archive.namelist()[-1]]:
            part.writestr(name, archive.read(name))
    light = lighter(content.getvalue(), quality)
    with zipfile.ZipFile(content) as before, zipfile.ZipFile(io.BytesIO(light)) as after:
        for old, new in zip(before.namelist(), after.namelist(), strict=True):
            assert Path(old).stem == Path(new).stem
            if before.read(old) != after.read(new):
                a, b = (Image.open(file).convert("RGB") for file in (before.open(old), after.open(new)))
                assert 0 < np.sqrt(np.mean(np.subtract(a, b, dtype=float) ** 2)) < most * 255
    assert len(light) < 0.85 * len(content.getvalue()) or path.stem == "mnist"  # losses make it hardly smaller


def test_a_file_that_is_there_is_replaced_only_when_forced_and_a_large_one_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(one_file, "LARGEST", 100)
    path, target = save(tmp_path / "a.ipynb", SETUP), save(tmp_path / "out" / "a.ipynb")
    mine = target.read_bytes()
    arguments = ["one_file", str(path), "--to", str(target.parent)]
    assert main(arguments) == 1
    assert "a.ipynb is there already: --force replaces it" in capsys.readouterr().err
    assert target.read_bytes() == mine
    assert main([*arguments, "--force"]) == 0
    assert " MB, which is more than" in capsys.readouterr().out and len(Lab(target).code) == 2


REFUSED = {
    "the same file name": ["{0}/a/a.ipynb", "{0}/link/a.ipynb", "--to", "{0}/out"],
    "would be overwritten": ["{0}/a/a.ipynb", "--to", "{0}/link", "--force"],
    "is in the course's folder": ["{0}/a/a.ipynb", "--to", f"{COURSE}/data/cache/mine", "--force"],
    "is a file: name a folder": ["{0}/a/a.ipynb", "--to", "{0}/a/a.ipynb"],
    "picture.ipynb: b.png is another file": ["{0}/a/a.ipynb", "{0}/picture.ipynb", "--to", "{0}/out"],
}


@pytest.mark.parametrize(("told", "arguments"), REFUSED.items())
def test_what_cannot_be_done_is_told_and_nothing_is_written(tmp_path, capsys, told, arguments):
    save(tmp_path / "a" / "a.ipynb", SETUP)
    save(tmp_path / "picture.ipynb", SETUP, markdown("![a b c](b.png)"))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    assert main(["one_file", *(argument.format(tmp_path) for argument in arguments)]) == 1
    assert told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")} == before


@pytest.mark.parametrize("path", [None, *(pytest.param(path, id=path.stem, marks=pytest.mark.slow) for path in labs())])
def test_it_runs_alone_and_gives_what_is_stored(tiny, alone, path):
    """With the course out of reach: in an empty folder, without the variables that lead to it."""
    made = Lab(path or tiny[0].path)
    made.notebook = one_file.built(made.path)
    sets = sum(name.endswith(".zip") for name in needed(made))
    assert len(text_of(made.notebook).encode()) < (1.5 if sets == 3 else 1) * LARGEST
    with LabKernel(made, alone) as kernel:
        for one in made.code:
            assert differences(one.cell.outputs, kernel.run(one), Tolerance.from_tags(one.tags)) == [], str(one)
        assert kernel.ask("import utils\nprint(utils.__file__)") == f"{alone / FOLDER / 'utils' / '__init__.py'}\n"
    assert [entry.name for entry in alone.iterdir()] == [FOLDER]
