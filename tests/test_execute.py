"""Executing a notebook and its normal form."""

import json
import re
import runpy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.compare import WIDGET_VIEW
from tests.execute import COURSE, code_cells, execute, final_state, main, normalise, normalise_outputs, read, text_of

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def write(path, *cells, **metadata):
    """A notebook as some editor might have left it."""
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def normal(path):
    """The notebook of a file in normal form, which is stable."""
    text = text_of(normalise(read(path)))
    path.write_text(text, encoding="utf-8")
    assert text_of(normalise(read(path))) == text
    return json.loads(text)


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("a\nb\n", "a\nb\n"),
        (" 10%\r 50%\r100%\n", "100%\n"),
        (" 10%\r100%", "100%"),
        ("100%\r", "100%"),
        ("100%\r\ndone", "100%\ndone"),
        ("one\n\b\b\b\r1/2 x\b\b\b\b\b\r2/2\n", "one\n2/2\n"),
        ("abcd\b\bx", "abx"),
        ("\b\ba\b\b\bb", "b"),
        ("50%\r      \r", ""),
        ("a  \n  b\t\n", "a\n  b\n"),
        ("", ""),
    ],
)
def test_final_state(printed, seen):
    assert final_state(printed) == seen
    assert final_state(seen) == seen


def test_outputs_in_normal_form():
    view = {WIDGET_VIEW: {"model_id": "x"}}
    outputs = [
        stream("a "),
        stream("b\r"),
        stream("c \n"),
        new_output(
            "display_data", {"text/plain": "slider", **view}, metadata={"text/plain": {"a": 1}, "jetTransient": {}}
        ),
        new_output("display_data", view, metadata=view),
        stream("d"),
        stream("e", "stderr"),
        stream("\r"),
        new_output("error", ename="E", evalue="", traceback=[]),
    ]
    assert normalise_outputs(outputs) == [
        stream("c\n"),
        new_output("display_data", {"text/plain": "slider"}, metadata={"text/plain": {"a": 1}}),
        stream("d"),
        stream("e", "stderr"),
        new_output("error", ename="E", evalue="", traceback=[]),
    ]
    assert outputs[0].text == "a "  # what came in stays


def test_neighbouring_pieces_of_one_stream_are_joined():
    pieces = [stream("a\n"), stream("b\n"), stream("w\n", "stderr"), stream("c\n")]
    assert normalise_outputs(pieces) == [stream("a\nb\n"), stream("w\n", "stderr"), stream("c\n")]


def test_normal_metadata(tmp_path):
    metadata = {
        "tags": ["check"],
        "cellView": "form",
        "jupyter": {"source_hidden": True, "outputs_hidden": True},
        "execution": {"iopub.status.busy": "2026-01-01T00:00:00"},
        "collapsed": False,
        "id": "Xy",
    }
    path = write(
        tmp_path / "lab.ipynb",
        new_markdown_cell("# Lab  \n\ntext\t\n\n", metadata={"editable": True}),
        new_code_cell("a = 1  \n\nb = 2\n", metadata=metadata),
        new_code_cell("1", metadata={"tags": [], "jupyter": {"outputs_hidden": True}}),
        kernelspec={"name": "venv", "display_name": "my venv"},
        language_info={"name": "python", "version": "3.12.1"},
        widgets={"application/vnd.jupyter.widget-state+json": {}},
        colab={"provenance": []},
    )
    content = normal(path)
    assert content["metadata"] == METADATA
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    markdown, code, plain = content["cells"]
    assert "".join(markdown["source"]) == "# Lab\n\ntext"
    assert "".join(code["source"]) == "a = 1\n\nb = 2"
    kept = {"tags": ["check"], "cellView": "form", "jupyter": {"source_hidden": True}}
    assert [cell["metadata"] for cell in content["cells"]] == [{}, kept, {}]
    assert plain["outputs"] == []
    text = path.read_text(encoding="utf-8")
    assert text.startswith('{\n "cells": [\n  {\n   "cell_type": "markdown",\n   "id": ')
    assert text.endswith('"nbformat_minor": 5\n}\n')


def test_normal_counts_are_left_alone(tmp_path):
    result = new_output("execute_result", {"text/plain": "1"}, execution_count=3)
    path = write(tmp_path / "lab.ipynb", new_code_cell("1", execution_count=7, outputs=[result]), new_code_cell("2"))
    first, second = normal(path)["cells"]
    assert (first["execution_count"], first["outputs"][0]["execution_count"]) == (7, 7)
    assert second["execution_count"] is None


def test_cell_ids(tmp_path):
    """Valid ones stay; others depend on the content only, not on the place."""

    def ids(*names, sources="abcdef"):
        cells = [new_code_cell(source) for source in sources[: len(names)]]
        for cell, name in zip(cells, names, strict=True):
            cell["id"] = name
            if name is None:
                del cell["id"]
        return [cell["id"] for cell in normal(write(tmp_path / "lab.ipynb", *cells))["cells"]]

    assert ids("first", "Second-2_", "x" * 64) == ["first", "Second-2_", "x" * 64]
    made = ids("same", "same", "not valid", "x" * 65, None, "")
    assert made[0] == "same"
    assert all(re.fullmatch("[0-9a-f]{8}", name) for name in made[1:])
    assert len(set(made)) == 6
    assert ids(None, None, sources="cb") == [made[2], made[1]]
    twins = ids(None, None, None, sources="bbb")
    assert len(set(twins)) == 3
    assert twins[0] == made[1]
    assert ids(made[1], None, sources="xb") == [made[1], twins[1]]  # taken by another cell


def test_other_formats(tmp_path):
    path = write(tmp_path / "lab.ipynb", new_code_cell("1"))
    content = json.loads(path.read_text(encoding="utf-8")) | {"nbformat_minor": 2}
    del content["cells"][0]["id"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert normal(path)["nbformat_minor"] == 5
    path.write_text('{"nbformat": 3, "worksheets": []}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"lab.ipynb is not a notebook of format 4: open it in JupyterLab and save it"):
        read(path)
    for text in ["{", "[]", "\xff"]:
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(ValueError, match=r"lab.ipynb is not a notebook"):
            read(path)
    path.write_text('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', encoding="utf-8")
    invalid = read(path)
    invalid.cells.append(nbformat.from_dict({"cell_type": "poem", "source": "", "metadata": {}}))
    with pytest.raises(nbformat.ValidationError):
        normalise(invalid)


def test_code_cells_are_counted_as_jupyter_does():
    notebook = new_notebook(cells=[new_markdown_cell("a"), new_code_cell("b"), new_code_cell(" "), new_code_cell("c")])
    assert [(number, place, cell.source) for number, place, cell in code_cells(notebook)] == [(1, 1, "b"), (2, 3, "c")]


@pytest.fixture
def lab(tmp_path):
    """A notebook whose second cell prints the time."""
    widget = (
        f"from IPython.display import display\ndisplay({{{WIDGET_VIEW!r}: {{}}, 'text/plain': 'a slider'}}, raw=True)"
    )
    return write(
        tmp_path / "lab.ipynb",
        new_markdown_cell("# Lab"),
        new_code_cell("import time\nopen('here').read()", metadata={"tags": ["setup"]}),
        new_code_cell("for i in range(3): print('\\r', i, end='')\nprint(f' ~{time.time()} s')", execution_count=8),
        new_code_cell(""),
        new_code_cell(widget, outputs=[stream("old")]),
        new_code_cell("0.1 + 0.2"),
        new_code_cell("0.1 + 0.2;"),
    )


def test_execute(lab, capsys, monkeypatch):
    (lab.parent / "here").write_text("3.12", encoding="utf-8")
    lab.chmod(0o640)
    monkeypatch.chdir(lab.parent)
    assert main(["lab.ipynb"]) == 0
    assert capsys.readouterr().out == "lab.ipynb: executed and stored\n"
    stored = lab.read_bytes()
    assert text_of(normalise(read(lab))).encode() == stored
    assert lab.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in lab.parent.iterdir()) == ["here", "lab.ipynb"]
    _, setup, progress, empty, widget, result, silent = read(lab).cells
    counts = [cell.execution_count for cell in (setup, progress, empty, widget, result, silent)]
    assert counts == [1, 2, None, 3, 4, 5]
    assert re.fullmatch(r" 2 ~[\d.]+ s\n", progress.outputs[0].text)
    assert [output.data for output in widget.outputs] == [{"text/plain": "a slider"}]
    assert result.outputs[0].data == {"text/plain": "0.30000000000000004"}
    assert result.outputs[0].execution_count == 4
    assert silent.outputs == []

    # Once more: nothing changes, though the time does.
    assert main(["lab.ipynb"]) == 0
    assert capsys.readouterr().out == "lab.ipynb: executed, its outputs are as they were\n"
    assert lab.read_bytes() == stored
    assert main(["lab.ipynb", "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_what_changed_is_stored(lab):
    """A changed number, however small, and what the setup cell says."""
    (lab.parent / "here").write_text("~5", encoding="utf-8")
    notebook = read(lab)
    for cell, text in [(notebook.cells[1], "'~4'"), (notebook.cells[5], "0.30000000000000005")]:
        cell.execution_count = 1
        cell.outputs = [new_output("execute_result", {"text/plain": text}, execution_count=1)]
    lab.write_text(text_of(notebook), encoding="utf-8")
    assert execute(lab) is True
    cells = read(lab).cells
    assert [cells[i].outputs[0].data["text/plain"] for i in (1, 5)] == ["'~5'", "0.30000000000000004"]


def test_a_lab_that_stops_is_left_as_it_was(lab, capsys):
    stored = lab.read_bytes()
    assert main([str(lab)]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"{lab}, code cell 1 (import time) stopped: FileNotFoundError: ")
    assert "----> 2 open('here').read()" in message
    assert message.endswith("\n\nThe file is as it was.\n")
    assert lab.read_bytes() == stored
    assert [path.name for path in lab.parent.iterdir()] == ["lab.ipynb"]


def test_check_names_the_files(tmp_path, capsys):
    good, bad = (write(tmp_path / name, new_code_cell("1")) for name in ("good.ipynb", "bad.ipynb"))
    normal(good)
    stored = bad.read_bytes()
    assert main(["--check", str(good), str(bad)]) == 1
    assert capsys.readouterr().out == f"{bad} is not in normal form: python -m tests.execute {bad}\n"
    assert bad.read_bytes() == stored
    bad.write_text("{", encoding="utf-8")
    assert main(["--check", str(bad)]) == 1
    assert f"{bad} is not a notebook" in capsys.readouterr().err


def test_the_command_takes_all_labs_if_none_is_named(tmp_path, capsys, monkeypatch):
    (tmp_path / "labs").mkdir()
    paths = [write(tmp_path / "labs" / name, new_code_cell("1")) for name in ("01_a.ipynb", "02_b.ipynb")]
    monkeypatch.setattr("tests.execute.COURSE", tmp_path)
    assert main(["--check"]) == 1
    assert [line.split(" is not ")[0] for line in capsys.readouterr().out.splitlines()] == list(map(str, paths))
    monkeypatch.setattr("sys.argv", ["execute", "--check", str(paths[0])])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(COURSE / "tests/execute.py"), run_name="__main__")
    assert stop.value.code == 1


def test_misuse(tmp_path, capsys, monkeypatch):
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "none.ipynb")])
    assert stop.value.code == 2
    assert "no such file: " in capsys.readouterr().err
    monkeypatch.setenv("LABS_DATA", "full")
    path = write(tmp_path / "lab.ipynb", new_code_cell("1"))
    with pytest.raises(SystemExit):
        main([str(path)])
    assert "unset LABS_DATA" in capsys.readouterr().err
