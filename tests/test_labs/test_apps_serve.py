"""The program that serves a model: every request gets its own answer, every bad one its status, and it ends cleanly."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import cycle
from types import SimpleNamespace

import numpy as np
import pytest

from labs.apps import serve as app
from tests.test_labs import network, runner

run = runner(app)
LABELS = 4


class Client(http.client.HTTPConnection):
    """A connection to a service that is kept for many requests."""

    def __init__(self, url):
        super().__init__(url.removeprefix("http://"), timeout=30)

    def ask(self, body=None, path="/v1/predict", method="POST"):
        """The status and the JSON of the answer."""
        self.request(method, path, body)
        with self.getresponse() as answer:
            return answer.status, json.load(answer)


def inputs(*inputs):
    """The body that asks for these inputs."""
    return json.dumps({"inputs": inputs}).encode()


def probable(label, strength):
    """An input to which the answer is `label`, as probable as `strength` says, and that probability."""
    one = [0.0] * LABELS
    one[label] = strength
    return one, np.exp(strength) / (np.exp(strength) + LABELS - 1)


@pytest.fixture(scope="module")
def model():
    """A model that gives the softmax of its four inputs."""
    return network((LABELS,), ("Softmax",))


@pytest.fixture
def served(model):
    """A client of a service of that model, which has the attribute `service`."""
    with app.Service(model) as service, contextlib.closing(Client(service.url)) as client:
        client.service = service
        yield client


HOSTILE = [  # (status, body, path, method)
    (400, b""),
    (400, b"\xff\xfe\x00"),
    (400, b"inputs=1"),
    (400, b"[" * 100_000),
    (400, b"[]"),
    (400, b"null"),
    (400, b'"inputs"'),
    (400, b'{"input": [[1, 2, 3, 4]]}'),
    (400, b'{"inputs": {"a": [1, 2, 3, 4]}}'),
    (400, b'{"inputs": 7}'),
    (400, b'{"inputs": [[' + b"9" * 400 + b", 2, 3, 4]]}"),
    (400, b'{"inputs": [[' + b"9" * 5000 + b", 2, 3, 4]]}"),
    (400, inputs()),
    (400, inputs([])),
    (400, inputs([1, 2, 3])),
    (400, inputs([1, 2, 3, 4], [1, 2])),
    (400, inputs([[1, 2, 3, 4]])),
    (400, inputs([1, 2, 3, "4"])),
    (400, inputs([1, 2, 3, None])),
    (400, inputs([True, False, True, True])),
    (400, inputs([1, 2, 3, float("nan")])),
    (400, inputs([1, 2, 3, -float("inf")])),
    (400, b'{"inputs": [[1, 2, 3, 1e999]]}'),
    (400, inputs([1, 2, 3, 1e300])),
    (413, b"x" * (app.MOST_BYTES + 1)),
    (503, inputs(*[[1, 2, 3, 4]] * (app.MOST_WAITING + 1))),
    (404, b"", "/"),
    (404, inputs([1, 2, 3, 4]), "/v1/predict/"),
    (404, b"", "/../../etc/passwd", "GET"),
    (405, None, "/v1/predict", "GET"),
    (405, b"{}", "/health"),
    (405, None, "/metrics", "DELETE"),
    (405, None, "/health", "BREW"),
]


def test_an_answer_for_each_input(served):
    one, p = probable(2, 1.5)
    status, answer = served.ask(inputs(one, [0, 0, 0, 9]))
    assert (status, answer["version"], [one["label"] for one in answer["answers"]]) == (200, "1", [2, 3])
    assert answer["answers"][0]["probability"] == pytest.approx(p, abs=1e-6)
    assert served.ask(None, "/health", "GET") == (200, {"status": "ok", "version": "1"})


def test_one_output_is_the_probability_of_label_1():
    model = network((1,), ("Activation", "sigmoid"))
    with app.Service(model, version="b") as service, contextlib.closing(Client(service.url)) as client:
        status, answer = client.ask(inputs([0.5], [-2]))
    assert (status, answer["version"], [one["label"] for one in answer["answers"]]) == (200, "b", [1, 0])
    assert [one["probability"] for one in answer["answers"]] == pytest.approx([0.622459, 0.880797], abs=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_none_is_lost_of_requests_at_32_at_once_a_tenth_hostile(served, capfd, count):
    hostile, wrong, got = cycle(HOSTILE), [], Counter()
    work, lock = iter(range(count)), threading.Lock()

    def ask_on():
        with contextlib.closing(Client(served.service.url)) as client:
            while True:
                with lock:
                    number = next(work, None)
                    expected, *request = next(hostile) if number is not None and number % 10 == 0 else [200]
                if number is None:
                    return
                if request:
                    status, answer = client.ask(*request)
                    right = [*answer] == ["error"] and len(answer["error"].splitlines()) == 1
                else:
                    one, p = probable(number % LABELS, 1 + number / count)
                    status, answer = client.ask(inputs(one))
                    [answer] = answer["answers"]
                    right = answer["label"] == number % LABELS and abs(answer["probability"] - p) < 1e-6
                with lock:
                    got[status] += 1
                    if status != expected or not right:
                        wrong.append((number, expected, status, answer))

    threads = [threading.Thread(target=ask_on) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert served.ask(None, "/health", "GET")[0] == 200
    told = served.ask(None, "/metrics", "GET")[1]
    assert told["requests"] == got.total() + 1 == count + 1
    assert told["errors"] == {str(status): n for status, n in sorted(got.items()) if status != 200}
    assert told["batches"] * told["mean_batch"] == pytest.approx(count * 0.9, rel=0.01)
    assert 0 < told["latency_ms"]["median"] <= told["latency_ms"]["p99"]
    assert capfd.readouterr() == ("", "")


def test_each_error_is_one_sentence(served):
    for body, message in [
        (b"{", "the body is not JSON"),
        (b"[]", 'the body is not an object with "inputs"'),
        (b'{"input": 1}', 'the body is not an object with "inputs"'),
        (inputs([1]), '"inputs" is not a list of one or more inputs of shape (4,)'),
        (b'{"inputs": 7}', '"inputs" is not a list of one or more inputs of shape (4,)'),
        (inputs([1, 2, 3, "4"]), '"inputs" holds something that is no finite number'),
        (inputs([1, 2, 3, float("nan")]), '"inputs" holds something that is no finite number'),
        (b" " * 2 * app.MOST_BYTES, "the body is larger than 1000000 bytes"),
    ]:
        assert served.ask(body)[1] == {"error": message}
    assert served.ask(b"", "/v2")[1] == {"error": "there is nothing here: ask /v1/predict, /health, /metrics"}
    assert served.ask(b"", "/health")[1] == {"error": "ask this address by GET"}


@pytest.mark.parametrize("method, path", [("GET", "/health"), ("POST", "/v1/predict"), ("GET", "/"), ("BREW", "/")])
def test_no_answer_tells_the_program_or_its_version(served, method, path):
    served.request(method, path, b"")
    with served.getresponse() as answer:
        assert answer.getheader("Server") is None


class Slow:
    """A model that waits until it is let go, and fails at the input 13."""

    input_shape = (None, 1)

    def __init__(self):
        self.go, self.sizes = threading.Event(), []
        self.go.set()

    def predict_on_batch(self, batch):
        self.go.wait(30)
        self.sizes.append(len(batch))
        if 13 in batch:
            raise ValueError("/home/me/secret")
        return 1 / (1 + np.exp(-batch))


@pytest.fixture
def slow():
    """A service of a slow model; begin(body, ...) asks it in threads, end() stops it and returns what was answered."""
    model, answers, threads, running = Slow(), [], [], contextlib.ExitStack()
    service = running.enter_context(app.Service(model))
    model.go.clear()

    def ask(body):
        with contextlib.closing(Client(service.url)) as client:
            answers.append(client.ask(body))

    def begin(*bodies):
        for body in bodies:
            threads.append(threading.Thread(target=ask, args=[body]))
            threads[-1].start()
        while service.busy < len(threads):
            time.sleep(0.001)

    def end():
        threading.Timer(0.1, model.go.set).start()
        running.close()
        for thread in threads:
            thread.join()
        return answers

    yield SimpleNamespace(service=service, model=model, begin=begin, end=end)
    end()


def test_what_waits_goes_through_the_model_together_while_health_answers(slow):
    slow.begin(inputs([1]))
    while slow.service._waiting.qsize():
        time.sleep(0.001)
    slow.begin(*[inputs([n]) for n in range(10)], inputs(*[[0]] * 30))
    with contextlib.closing(Client(slow.service.url)) as client:
        assert client.ask(None, "/health", "GET")[0] == 200
        full = inputs(*[[0]] * (app.MOST_WAITING - 39))
        assert client.ask(full) == (503, {"error": "too many inputs wait: ask again later, or for fewer at once"})
    assert Counter(status for status, _ in slow.end()) == {200: 12}  # what was asked before the end is answered
    assert slow.model.sizes == [1, 8, 32, 1, 32, 8]  # three to begin with; then 1 and 32 and 8 inputs


def test_an_input_at_which_the_model_fails_costs_no_other_its_answer(slow):
    slow.begin(inputs([0]), inputs([13]), inputs([1]))
    answers = slow.end()
    assert sorted(status for status, _ in answers) == [200, 200, 500]
    assert (500, {"error": "the model failed at these inputs"}) in answers


def test_a_fault_of_the_service_is_told_as_one(served, monkeypatch):
    monkeypatch.setitem(app.ROUTES, "/health", ("GET", lambda *_: 1 / 0))
    assert served.ask(None, "/health", "GET") == (500, {"error": "the service failed"})
    assert served.ask(inputs([1, 2, 3, 4]))[0] == 200


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    return path


def test_the_program_ends_at_a_signal(saved):
    command = [sys.executable, app.__file__, str(saved), "--version", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            said = program.stdout.readline()
            assert said.startswith(f"Serving {saved} at http://127.0.0.1:")
            with contextlib.closing(Client(said.split()[-1])) as client:
                assert client.ask(inputs([0, 0, 0, 1]))[1]["version"] == "7"
                program.send_signal(signal.SIGTERM)
                assert program.communicate(timeout=30) == ("", "")
        finally:
            program.kill()
    assert program.returncode == 0


def test_an_address_that_cannot_be_used_is_one_clear_line(saved, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run(saved, "--port", port)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"serve.py: cannot listen at port {port} of 127.0.0.1: ") and "in use" in err
    assert run(saved, "--port", 70_000)[0] == 1
    assert run(saved, "--port", "http")[0] == 2


def test_a_file_that_is_no_model_for_it_is_one_clear_line(run, tmp_path):
    for name, content, message in [
        ("model.h5", b"", "{} is not a .keras file"),
        ("none.keras", None, "there is no model file {}"),
        ("a.keras", b"PK", "{} cannot be read as a Keras model (BadZipFile)"),
        ("a.keras", [(2,), ("Lambda", abs), ("Softmax",)], "{} cannot be read as a Keras model (ValueError)"),
        ("a.keras", [(None,), ("Softmax",)], "there are no batches of 32 inputs of shape (None, None)"),
        ("a.keras", [(2,), ("Rescaling", 9)], "the model cannot classify (ValueError: its last layer gives no"),
    ]:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content:
            network(*content).save(path)
        code, out, err = run(path)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert err.startswith(f"serve.py: {message.format(path)}")
