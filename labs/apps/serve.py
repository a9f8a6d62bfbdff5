"""Serve a saved classifier over HTTP: inputs in, labels and their probabilities out, as JSON.

    python labs/apps/serve.py MODEL.keras [--port 0] [--batch 32] [--version TEXT] [--host 127.0.0.1]

It prints its address once it listens (port 0: a free one) and runs until SIGINT (Ctrl-C) or SIGTERM; what has been
asked by then is answered. In Python: `with Service(model) as service:`, and ask at `service.url`.

    POST /v1/predict  {"inputs": [[...], ...]} -> {"answers": [{"label": 3, "probability": 0.98}, ...], "version": "1"}
    GET  /health      {"status": "ok", "version": "1"}
    GET  /metrics     requests and errors by status, latency of good answers in ms, batches and their mean size

Inputs that wait go through the model together. What cannot be answered gets a status of 400 or more and one sentence,
{"error": ...}. Exit codes: 0 when it was stopped, 1 when the model or the address cannot be used, 2 for bad options.

127.0.0.1 is reached from this machine only; any other host lets others ask, too. A model file may hold code: so only
.keras files are read, in the safe mode of Keras, and none that calls a function.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tornado import httpserver, netutil, web

MOST_BYTES, MOST_WAITING, PATIENCE = 1_000_000, 1024, 10  # in a body; inputs at once; seconds for a body or the end


class ServiceError(Exception):
    """The model or the address cannot be used."""


def load(path):
    """The model in the file `path`."""
    if Path(path).suffix != ".keras":
        raise ServiceError(f"{path} is not a .keras file, the only kind that is read")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, os.fdopen(os.dup(2)) as stderr:
        os.dup2(held.fileno(), 2)  # TensorFlow writes there how it was built, though nothing is wrong
        try:
            with zipfile.ZipFile(path) as archive:
                if '"function"' in json.dumps(json.loads(archive.read("config.json"))["config"]):
                    raise ValueError("a layer calls a function")
            import keras

            keras.config.set_floatx("float32")  # whatever a keras.json says
            return keras.models.load_model(path, compile=False, safe_mode=True)
        except FileNotFoundError:
            raise ServiceError(f"there is no model file {path}") from None
        except Exception as error:  # Keras raises many kinds for a damaged file
            raise ServiceError(f"{path} cannot be read as a Keras model ({type(error).__name__})") from None
        finally:
            os.dup2(stderr.fileno(), 2)


class Service:
    """Serves `model` from a thread of its own within `with`, at the address `url`."""

    def __init__(self, model, version="1", port=0, batch=32, host="127.0.0.1"):
        self.model, self.version, self.port, self.host = model, version, port, host
        shape = getattr(model, "input_shape", None)
        if not isinstance(shape, tuple) or None in shape[1:] or batch < 1:
            raise ServiceError(f"there are no batches of {batch} inputs of shape {shape}: take 1 or more, of one shape")
        self.shape, self.sizes = shape[1:], sorted({1, min(8, batch), batch})
        self.statuses, self.seconds = Counter(), deque(maxlen=10_000)
        self.busy = self.batches = self.judged = 0
        try:
            for size in self.sizes:  # all sizes there will be: no client waits while one is prepared
                self._judge([np.zeros(self.shape, "float32")] * size)
        except Exception as error:
            raise ServiceError(f"the model cannot classify ({type(error).__name__}: {error})") from None

    def __enter__(self):
        try:
            if self.port not in range(65536):  # others would be taken modulo 65536
                raise OverflowError("ports go from 0 to 65535")
            sockets = netutil.bind_sockets(self.port, self.host)
        except (OSError, OverflowError, UnicodeError) as error:
            raise ServiceError(f"cannot listen at port {self.port} of {self.host}: {error}") from None
        self.url = f"http://{self.host}:{sockets[0].getsockname()[1]}"
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(sockets, started)))
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self, sockets, started):
        self._loop, self._over, self._waiting = asyncio.get_running_loop(), asyncio.Event(), asyncio.Queue()
        application = web.Application([(".*", Handler)], log_function=self._count, service=self)
        server = httpserver.HTTPServer(application, body_timeout=PATIENCE)
        server.add_sockets(sockets)
        worker = asyncio.create_task(self._work())
        started.set()
        await self._over.wait()
        server.stop()
        end = time.monotonic() + PATIENCE
        while self.busy and time.monotonic() < end:
            await asyncio.sleep(0.01)
        worker.cancel()
        await server.close_all_connections()

    def _count(self, handler):
        self.statuses[handler.get_status()] += 1
        if handler.request.path == "/v1/predict" and handler.get_status() == 200:
            self.seconds.append(handler.request.request_time())

    async def _work(self):
        with ThreadPoolExecutor(1) as thread:  # so that the loop goes on taking requests
            while True:
                taken = [await self._waiting.get()]
                while len(taken) < self.sizes[-1] and not self._waiting.empty():
                    taken.append(self._waiting.get_nowait())
                inputs, futures = zip(*taken)
                answers = await self._loop.run_in_executor(thread, self._answers, inputs)
                self.batches, self.judged = self.batches + 1, self.judged + len(inputs)
                for future, answer in zip(futures, answers):
                    future.set_result(answer)

    def _answers(self, inputs):
        try:
            return self._judge(inputs)
        except Exception:  # an input that the model cannot take must not cost the others their answers
            return [None] if len(inputs) == 1 else [self._answers([one])[0] for one in inputs]

    def _judge(self, inputs):
        size = next(size for size in self.sizes if size >= len(inputs))
        filled = np.stack([*inputs, *inputs[:1] * (size - len(inputs))])
        given = np.asarray(self.model.predict_on_batch(filled))[: len(inputs)]
        if given.shape[1:] == (1,):
            given = np.hstack([1 - given, given])
        if given.ndim != 2 or not (given >= 0).all() or not np.allclose(given.sum(1), 1, atol=1e-3):
            raise ValueError("its last layer gives no probabilities")
        return [{"label": int(row.argmax()), "probability": float(row.max())} for row in given]

    async def predict(self, body):
        """The answer to a body; web.HTTPError, which holds the status and the sentence, when there is none."""
        said = "the body is not JSON"
        try:
            asked = json.loads(body)
            said = 'the body is not an object with "inputs"'
            given = asked["inputs"]
            said = f'"inputs" is not a list of one or more inputs of shape {self.shape}'
            array = np.array(given)
            if array.shape != (len(array) or 1, *self.shape):
                raise ValueError("not of this shape")
            said = '"inputs" holds something that is no finite number'
            if array.dtype.kind not in "iuf":
                raise ValueError("no numbers")
            with np.errstate(over="ignore"):
                inputs = array.astype("float32")
            if not np.isfinite(inputs).all():
                raise ValueError("not finite")
        except (ValueError, TypeError, KeyError, RecursionError):
            raise web.HTTPError(400, said) from None
        if self._waiting.qsize() + len(inputs) > MOST_WAITING:
            raise web.HTTPError(503, "too many inputs wait: ask again later, or for fewer at once")
        futures = [self._loop.create_future() for _ in inputs]
        for pair in zip(inputs, futures):
            self._waiting.put_nowait(pair)
        answers = await asyncio.gather(*futures)
        if None in answers:
            raise web.HTTPError(500, "the model failed at these inputs")
        return {"answers": answers, "version": self.version}

    async def health(self, _):
        return {"status": "ok", "version": self.version}

    async def metrics(self, _):
        median, high = (1000 * np.percentile(self.seconds or [0], [50, 99])).round(3).tolist()
        return {
            "requests": self.statuses.total(),
            "errors": {str(status): count for status, count in sorted(self.statuses.items()) if status >= 400},
            "latency_ms": {"median": median, "p99": high},
            "batches": self.batches,
            "mean_batch": round(self.judged / max(self.batches, 1), 2),
        }


ROUTES = {
    "/v1/predict": ("POST", Service.predict),
    "/health": ("GET", Service.health),
    "/metrics": ("GET", Service.metrics),
}


@web.stream_request_body
class Handler(web.RequestHandler):
    """Keeps no more of a body than is allowed, and tells each error as JSON."""

    def set_default_headers(self):
        self.clear_header("Server")  # it tells which program this is, and which version

    def prepare(self):
        self.body, self.size = bytearray(), 0

    def data_received(self, chunk):
        self.size += len(chunk)
        self.body += chunk if self.size <= MOST_BYTES else b""

    async def get(self):
        if self.request.path not in ROUTES:
            raise web.HTTPError(404, f"there is nothing here: ask {', '.join(ROUTES)}")
        method, answer = ROUTES[self.request.path]
        if self.request.method != method:
            raise web.HTTPError(405, f"ask this address by {method}")
        if self.size > MOST_BYTES:
            raise web.HTTPError(413, f"the body is larger than {MOST_BYTES} bytes")
        service = self.settings["service"]
        service.busy += 1
        try:
            self.finish(await answer(service, bytes(self.body)))
        finally:
            service.busy -= 1

    post = put = delete = patch = head = options = get

    def write_error(self, status, exc_info, **_):
        if status == 405:
            self.set_header("Connection", "close")  # Tornado does so when it does not know the method
        said = "there is no such method" if status == 405 else "the service failed"
        self.finish({"error": getattr(exc_info[1], "log_message", None) or said})

    def log_exception(self, *_):
        """The answer and the metrics tell it."""


def main(arguments=None):
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="serve.py", description="Serve a saved classifier over HTTP.")
    parser.add_argument("model", metavar="MODEL.keras", help="a model whose last layer gives probabilities")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--batch", type=int, default=32, help="most inputs that go through the model together")
    parser.add_argument("--version", default="1", help="what each answer tells as the model's version")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at, of this machine")
    options = parser.parse_args(arguments)
    try:
        service = Service(load(options.model), options.version, options.port, options.batch, options.host)
        with service:
            for kind in (signal.SIGINT, signal.SIGTERM):
                signal.signal(kind, signal.default_int_handler)  # raises KeyboardInterrupt
            print(f"Serving {options.model} at {service.url}", flush=True)
            while True:
                time.sleep(1)
    except ServiceError as error:
        print(f"serve.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    sys.exit(main())
