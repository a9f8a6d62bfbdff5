"""The program that trains in several processes: as one process does, and on from where it was stopped."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labs.apps import train_workers as app
from tests.test_labs import runner

run = runner(app)
EPOCHS = 16


@contextlib.contextmanager
def training(folder, workers=2):
    """The program, running, and the numbers of its workers' processes."""
    command = [sys.executable, app.__file__, f"--workers={workers}", f"--epochs={EPOCHS}", f"--folder={folder}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            yield program, [int(word) for word in program.stdout.readline().split()[4:]]
        finally:
            program.kill()


def finished(folder, workers=2):
    """The losses that training prints, what it prints last, and the state that it keeps."""
    with training(folder, workers) as (program, _):
        out, err = program.communicate(timeout=300)
    assert (program.returncode, err) == (0, "")
    *epochs, last = out.splitlines()
    with np.load(folder / "backup.npz") as saved:
        return [float(line.split()[-1]) for line in epochs], last, dict(saved)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("undisturbed"))


def test_two_workers_train_as_one_does(undisturbed, tmp_path):
    losses, last, saved = finished(tmp_path, workers=1)
    assert len(losses) == EPOCHS and losses[-1] < 0.2 < 2 < losses[0]
    assert "0 bytes sent by each in a step" in last
    assert undisturbed[0] == pytest.approx(losses, abs=1e-5)
    assert undisturbed[1].endswith(f"{8 * (784 * 64 + 64 + 64 * 10 + 10) // 2} bytes sent by each in a step")
    for name, values in saved.items():
        assert np.abs(values - undisturbed[2][name]).max() <= 1e-6


def ended(process):
    """Whether a process ends within seconds."""
    for _ in range(500):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True  # only its exit code is left
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_stopped_in_the_middle_it_goes_on_to_the_same_weights(undisturbed, tmp_path):
    for stopped, how, code, message in [
        (lambda program, workers: workers[1], signal.SIGKILL, 1, "train_workers.py: worker 1 failed: it was stopped"),
        (lambda program, workers: program.pid, signal.SIGKILL, -9, ""),
    ]:
        with training(tmp_path) as (program, workers):
            for _ in range(3):
                assert program.stdout.readline().startswith("epoch ")
            os.kill(stopped(program, workers), how)
            _, err = program.communicate(timeout=100)
        assert program.returncode == code and err.startswith(message)
        assert all(ended(worker) for worker in workers)
    losses, last, saved = finished(tmp_path)
    assert 0 < len(losses) <= EPOCHS - 6 and losses == undisturbed[0][-len(losses) :]
    assert last.split()[:2] == undisturbed[1].split()[:2]
    assert all(np.array_equal(values, undisturbed[2][name]) for name, values in saved.items())


def test_a_worker_that_ends_while_the_others_are_looked_at_is_not_waited_for(monkeypatch, tmp_path):
    class Process:
        """Ends once it was asked twice whether it has ended."""

        def __init__(self, **_):
            self.pid, self.codes, self.sentinel = 1, iter([None, None]), object()

        exitcode = property(lambda self: next(self.codes, 0))
        start = kill = join = lambda self: None

    def waits(sentinels):
        assert sentinels, "with nothing to wait for it would wait for ever"

    monkeypatch.setattr(app.multiprocessing, "get_context", lambda _: SimpleNamespace(Process=Process))
    monkeypatch.setattr(app, "wait", waits)
    assert app.lead(1, 1, tmp_path) is None


def test_bytes_go_round_a_ring():
    assert [app.bytes_sent(1_000_000, workers) for workers in (1, 2, 4, 8)] == [0, 4_000_000, 6_000_000, 7_000_000]


def test_what_cannot_be_used_is_told(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = run("--folder", tmp_path / "file")
    assert (code, out) == (1, "") and err.startswith(f"train_workers.py: the folder {tmp_path / 'file'} cannot be used")
    assert run("--workers", 0, "--folder", tmp_path)[0] == run("--folder", tmp_path, "--epochs", "some")[0] == 2
    (tmp_path / "backup.npz").write_bytes(b"PK")
    code, _, err = run("--workers", 1, "--folder", tmp_path)
    assert code == 1
    assert f"worker 0 failed: {tmp_path / 'backup.npz'} cannot be read (" in err and "remove it to begin anew;" in err
