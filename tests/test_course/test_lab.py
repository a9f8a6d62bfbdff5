"""A lab's file, its normal form, its card, sections and links."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.course import lab as course
from tests.course.lab import METADATA, WIDGET_VIEW, Lab, normalise, normalise_outputs, read, text_of
from tests.tiny_labs import printed as stream


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


def test_final_state():
    for printed, seen in [
        ("a\nb\n", "a\nb\n"),
        (" 10%\r 50%\r100%\n", "100%\n"),
        ("100%\r\ndone", "100%\ndone"),
        ("one\n\b\b\b\r1/2 x\b\b\b\b\b\r2/2\n", "one\n2/2\n"),
        ("abcd\b\bx", "abx"),
        ("50%\r      \r", ""),
        ("", ""),
    ]:
        assert course.final_state(printed) == course.final_state(seen) == seen


def test_outputs_in_normal_form():
    view = {WIDGET_VIEW: {"model_id": "x"}}
    outputs = [
        stream("a "),
        stream("b\r"),
        stream("c \n"),
        new_output("display_data", {"text/plain": "slider", **view}, metadata={"text/plain": {"a": 1}, "jet": {}}),
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


def test_what_goes_from_between_two_pieces_leaves_one():
    widget = new_output("display_data", {WIDGET_VIEW: {"model_id": "x"}})
    for between in (stream("", "stderr"), stream("50%\r   \r", "stderr"), widget):
        assert normalise_outputs([stream("a\n"), between, stream("b\n")]) == [stream("a\nb\n")]


def test_normal_metadata(tmp_path):
    metadata = {"tags": ["check"], "cellView": "form", "jupyter": {"source_hidden": True, "outputs_hidden": True}}
    metadata |= {"execution": {"iopub.status.busy": "2026-01-01T00:00:00"}, "collapsed": False, "id": "Xy"}
    cells = [
        new_markdown_cell("# Lab  \n\ntext\t\n\n", metadata={"editable": True}),
        new_code_cell("a = 1  \n\nb = 2\n", metadata=metadata),
        new_code_cell("1", metadata={"tags": [], "jupyter": {"outputs_hidden": True}}),
    ]
    other = {"kernelspec": {"name": "venv", "display_name": "my venv"}, "language_info": {"version": "3.12.1"}}
    path = write(tmp_path / "lab.ipynb", *cells, widgets={}, colab={"provenance": []}, **other)
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
    assert made[0] == "same" and len(set(made)) == 6
    assert all(re.fullmatch("[0-9a-f]{8}", name) for name in made[1:])
    assert ids(None, None, sources="cb") == [made[2], made[1]]
    twins = ids(None, None, None, sources="bbb")
    assert len(set(twins)) == 3 and twins[0] == made[1]
    assert ids(made[1], None, sources="xb") == [made[1], twins[1]]  # taken by another cell


def test_other_formats(tmp_path):
    path = write(tmp_path / "lab.ipynb", new_code_cell("1"))
    content = json.loads(path.read_text(encoding="utf-8")) | {"nbformat_minor": 2}
    del content["cells"][0]["id"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert normal(path)["nbformat_minor"] == 5
    for content, said in ((b'{"nbformat": 3}', " of format 4: open it in Jup"), (b"{", ""), (b"[]", ""), (b"\xff", "")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"lab.ipynb is not a notebook{said}"):
            read(path)
    path.write_text('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', encoding="utf-8")
    invalid = read(path)
    invalid.cells.append(nbformat.from_dict({"cell_type": "poem", "source": "", "metadata": {}}))
    with pytest.raises(nbformat.ValidationError):
        normalise(invalid)


def test_what_a_lab_says_of_itself(tmp_path):
    card = "# 99 · Tiny: why?\n\n| | |\n|---|---|\n| **Time** | at most 45 seconds to run, 300 on full data |"
    text = "## One\n\nSee `0.1`, [2.5](x.md), **3.5** or $4.5\\%$ at https://x.org/5.5.\n\n```\n## 6.5\n```\n\n### Two"
    cells = [new_markdown_cell(card), *map(new_code_cell, ("b", " ", "c\nd")), new_markdown_cell(text)]
    cells[3].metadata.tags = ["setup"]
    cells.append(new_code_cell("e", outputs=[stream("seen"), new_output("display_data", {"text/html": "<b>too</b>"})]))
    cells.append(new_markdown_cell("## References\n\n7.5"))
    lab = Lab(write(tmp_path / "lab.ipynb", *cells))
    assert [(code.number, code.place) for code in lab.code] == [(1, 1), (2, 3), (3, 5)]
    assert [*map(str, lab.code)] == ["code cell 1 (b)", "code cell 2 (c)", "code cell 3 (e)"]
    assert lab.setup == lab.code[1]
    assert (lab.title, lab.limits("sample"), lab.limits("full")) == ("99 · Tiny: why?", 45, 300)
    assert lab.headings() == [(1, "99 · Tiny: why?"), (2, "One"), (3, "Two"), (2, "References")]
    section = lab.sections()[2]
    assert (section.title, section.outputs) == ("One", ["seen", " too "])
    assert re.findall(r"\d\.\d", str(section.prose)) == ["3.5", "4.5"]
    assert not any("7.5" in str(section.prose) for section in lab.sections())


def test_links():
    text = "[a](b.md#c) `[no](no.md)` ![d e](f.png) <img alt='g h' src='i.png'> <a href=\"j\">k</a>\n\n    [no](no.md)"
    found = [("link", "b.md#c", ""), ("image", "f.png", "d e"), ("image", "i.png", "g h"), ("html", "j", "")]
    assert [*course.links(course.parsed(text))] == found


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    assert course.write(path, "ä\n")
    path.chmod(0o640)
    assert not course.write(path, "ä\n")
    assert course.write(path, "b\n")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"b\n", 0o640)
    with pytest.raises(UnicodeEncodeError):
        course.write(path, "\ud800")
    assert path.read_bytes() == b"b\n"
    assert [*tmp_path.iterdir()] == [path]
