"""Other people's machines: what a reader's configuration, folders and startup files say changes nothing in a lab."""

import base64
import os
import shutil
import subprocess
from unittest import mock

import matplotlib
import matplotlib.pyplot as plt
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_notebook
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from tests.course.lab import COURSE, Lab, labs
from tests.tiny_labs import code, committed, copy_of_course
from utils import plots
from utils.plots import style

FILES = {
    "matplotlibrc": "backend: svg\nfigure.dpi: 300\nfont.size: 30\ntext.usetex: True\nfigure.max_open_warning: 1\n"
    "interactive: False\nsavefig.format: pdf\naxes.prop_cycle: cycler('color', ['red'])\n",
    "keras/keras.json": '{"floatx": "float16", "image_data_format": "channels_first", "epsilon": 0.1, "backend": "?"}',
    "startup.py": "from numpy import *\nimport numpy\nnumpy.set_printoptions(1, 2, 1, 20, True, sign='+', "
    "formatter={'float': '{:.1f}'.format})\nnumpy.seterr(all='raise')\nlist = 7\n",
    "ipython/profile_default/startup/00.py": "import matplotlib.pyplot as plt\nplt.style.use('dark_background')\n"
    "get_ipython().run_line_magic('load_ext', 'autoreload')\nget_ipython().run_line_magic('autoreload', '2')\n",
    "ipython/profile_default/ipython_kernel_config.py": "c.InlineBackend.figure_formats = {'svg', 'retina'}\n"
    "c.InlineBackend.rc = {'figure.dpi': 50}\nc.InlineBackend.close_figures = False\n"
    "c.InlineBackend.print_figure_kwargs = {'dpi': 20}\nc.InteractiveShellApp.pylab = 'inline'\n"
    "c.InteractiveShell.ast_node_interactivity = 'all'\n",
    "foreign/utils/__init__.py": "",
}
SETTINGS = {  # name: variables of the environment; ~ stands for the folder with these files
    "none": {},
    "MPLBACKEND": {"MPLBACKEND": "agg"},
    "matplotlibrc": {"MATPLOTLIBRC": "~/matplotlibrc"},
    "keras.json": {"KERAS_HOME": "~/keras"},
    "KERAS_MAX": {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"},
    "startup": {"PYTHONSTARTUP": "~/startup.py"},
    "profile": {"IPYTHONDIR": "~/ipython"},
    "speed": {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}
    | {"CUDA_VISIBLE_DEVICES": "-1", "TF_DETERMINISTIC_OPS": "0", "TF_XLA_FLAGS": "--tf_xla_auto_jit=2"},
    "home": {"HOME": os.devnull},
    "warnings": {"PYTHONWARNINGS": "error::FutureWarning,error::RuntimeWarning,error::UserWarning"},
    "system": {"LC_ALL": "C", "PYTHONPATH": "~/foreign", "PYTHONHASHSEED": "1"}
    | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "nonsense"},
}
DRAW = "axes = plots.curves(None, {'line': [1, 3, 2]}, title='It rises', xlabel='x', ylabel='y')"


@pytest.fixture
def variables(tmp_path):
    """A function from names of SETTINGS to their variables, whose files are there."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    texts = {one: {name: text.replace("~", str(tmp_path)) for name, text in SETTINGS[one].items()} for one in SETTINGS}
    return lambda *names: {name: text for one in names for name, text in texts[one].items()}


def run(cells, folder, variables):
    """The outputs of cells that a fresh kernel runs in this folder, with these variables and those that are there."""
    kernel = AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
    notebook = new_notebook(cells=list(map(code, cells)))
    client = NotebookClient(notebook, km=kernel, timeout=300, resources={"metadata": {"path": str(folder)}})
    fonts = {"MPLCONFIGDIR": matplotlib.get_configdir()}  # with the list of fonts, which takes seconds to make
    with mock.patch.dict(os.environ, fonts | variables):
        client.execute(cleanup_kc=True)  # and the kernel ends
    return [output for cell in notebook.cells for output in cell.outputs]


def figures(outputs):
    return [output for output in outputs if "image/png" in output.get("data", {})]


def is_house_style(output):
    """Whether an output is the figure that DRAW gives in the house style, with its text, and in no other form."""
    with plt.rc_context():
        plt.rcdefaults()
        plt.rcParams.update(style.STYLE)
        figure = plots.curves(None, {"line": [1, 3, 2]}, title="It rises", xlabel="x", ylabel="y").figure
        picture, text = plots.png(figure), plots.describe(figure)
        plt.close(figure)
    same = base64.b64decode(output.data["image/png"]) == picture and output.data["text/plain"] == text
    return same and set(output.data) == {"image/png", "text/plain"} and output.metadata["image/png"] == {"alt": text}


def test_a_backend_of_the_environment_hides_no_figure(variables):
    cells = ["from utils import plots\nplots.setup()", f"{DRAW}\n{DRAW}", DRAW]
    outputs = run(cells, COURSE, variables("MPLBACKEND"))
    assert len(outputs) == 3 and all(map(is_house_style, outputs))


HABITS = "import keras\nkeras.config.set_dtype_policy('mixed_float16')"
USE = """
import keras, numpy as np
layer = keras.layers.Conv2D(2, 3)
model = keras.Sequential([keras.Input((8, 9, 1)), layer])
print(model.output_shape, layer.compute_dtype, layer.variable_dtype, keras.config.floatx(), keras.backend.backend())
print(keras.config.epsilon(), keras.config.max_epochs(), keras.config.max_steps_per_epoch())
print(np.array([1 / 3, -2e-9]), np.exp(np.array(-800.0)), sum(i for i in [1, 2]), list("ab"))
_ = 1; 2
3"""


def test_nothing_that_a_reader_set_changes_a_lab(variables, tmp_path):
    """All of it at once; the folder has a space and an umlaut and cannot be written to."""
    course = copy_of_course(tmp_path / "für mich")
    for path in course.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path for path in course.rglob("*") if "__pycache__" not in path.parts}
    setup = Lab(labs()[0]).setup.cell
    names = set(SETTINGS) - {"MPLBACKEND", "warnings"}  # or nothing else names a backend, or other packages stop
    cells = [setup.source, HABITS, setup.source, "from utils import plots", USE, DRAW]
    report, again, printed, last, drawn = run(cells, course / "labs", variables(*names))
    assert report.text == again.text and report.text.count("\n") == 3
    layer, settings, numbers = printed.text.splitlines()
    assert (layer, settings) == ("(None, 6, 7, 2) float32 float32 float32 tensorflow", "1e-07 None None")
    assert numbers == "[ 3.33333333e-01 -2.00000000e-09] 0.0 3 ['a', 'b']"
    assert last.data["text/plain"] == "3" and is_house_style(drawn)
    assert {path for path in course.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_a_checkout_by_git_for_windows_has_the_same_bytes(tmp_path):
    course, clone = committed(copy_of_course(tmp_path)), tmp_path / "clone"
    subprocess.run(["git", "-c", "core.autocrlf=true", "clone", "-q", course, clone], check=True)
    files = [path.relative_to(clone) for path in clone.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert len(files) > 100
    assert [str(file) for file in files if (clone / file).read_bytes() != (course / file).read_bytes()] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("lab", [labs()[place] for place in (0, 2, 5)], ids=lambda path: path.stem)
def test_a_lab_runs_through_and_shows_its_figures(lab, name, variables):
    stored = [output for one in Lab(lab).code for output in one.cell.outputs]
    cells = [one.cell.source for one in Lab(lab).code]
    outputs = run(cells, lab.parent, variables(name))
    assert [output.metadata["image/png"].keys() for output in figures(outputs)] == [{"alt"}] * len(figures(stored))
    assert not [output for output in outputs if output.get("name") == "stderr"]
