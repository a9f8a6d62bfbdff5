"""How a lab's kernel starts."""

import socket

import pytest

from tests.course import kernel
from tests.course.lab import Lab
from tests.tiny_labs import code, save


@pytest.mark.parametrize("times", [1, 3])
def test_a_port_that_another_run_has_taken_is_tried_anew(tmp_path, monkeypatch, times):
    lab = Lab(save(tmp_path / "99_tiny.ipynb", code("1 + 1"), run=False))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1]] * times + [0]
        make = kernel.AsyncKernelManager

        def with_port(**given):
            return make(shell_port=ports.pop(0), cache_ports=False, **given)  # True: it finds all ports itself

        monkeypatch.setattr(kernel, "AsyncKernelManager", with_port)
        if times == 3:
            with pytest.raises(RuntimeError, match=r"(?s)did not start.*Address already in use"):
                kernel.LabKernel(lab)
        else:
            with kernel.LabKernel(lab) as running:
                assert running.run(lab.code[0])[0].data["text/plain"] == "2"
        assert ports == [0] * (times == 3)
