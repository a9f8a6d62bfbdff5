"""Train a small network on digits in several processes, as on several machines: each takes its share of every batch.

    python labs/apps/train_workers.py --workers 2 --epochs 3 --folder FOLDER

The workers are processes on this machine's loopback address; TF_CONFIG tells each who the others are. All hold the
whole network. In a step each finds the slopes for its share, MultiWorkerMirroredStrategy adds up the slopes of all,
and each makes the same step with the sum. Keras's fit() ends with an error under this strategy (Keras 3.10 to 3.15),
so the step is written out here, and so is what its BackupAndRestore does: after each epoch the file FOLDER/backup.npz
takes the network, the state of the optimizer and the number of epochs that are done.

If one worker fails, all are stopped. The same command then goes on from the backup, and so does one for more epochs.
FOLDER/worker_N.txt keeps what worker N wrote to stderr. Exit codes: 0 when the epochs are done, 1 when a worker
failed or the folder cannot be used, 2 for bad options, 130 when it was interrupted.
"""

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np

PICTURES, BATCH, MOST_WORKERS = 512, 64, 8


def bytes_sent(parameters, workers):
    """How many bytes each worker sends in a step: slopes of 4 bytes, added up in parts that go round a ring."""
    return 8 * parameters * (workers - 1) // workers


def work(number, ports, epochs, folder):
    """The whole of one worker: train with the others; number 0 also prints and keeps the backup."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with (folder / f"worker_{number}.txt").open("w") as log:
        os.dup2(log.fileno(), 2)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": number}}
    os.environ |= {"TF_CONFIG": json.dumps(config), "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.modules["sklearn"] = sys.modules["matplotlib"] = None  # Keras would import both, slow and unused
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # it must be the first to use TensorFlow
    import keras

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the course's folder
    from utils import data

    keras.config.set_floatx("float32")  # whatever a keras.json says
    keras.utils.set_random_seed(0)
    with contextlib.redirect_stdout(None):
        (pictures, digits), _ = data.mnist("sample")
    with strategy.scope():
        model = keras.Sequential(
            [
                keras.Input((28, 28)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Flatten(),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(10),
            ]
        )
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
        optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

    def share(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True)) / BATCH
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(slopes, model.trainable_variables)  # adds up the slopes of all workers first
        return loss

    @tf.function
    def step(x, y):
        return strategy.reduce("sum", strategy.run(share, args=(x, y)), axis=None)

    state = [*model.variables, *optimizer.variables]
    first, backup = _restored(folder / "backup.npz", state), folder / "backup.npz"
    began = steps = 0
    for epoch in range(first, epochs):
        losses = []
        for batch in np.random.default_rng(epoch).permutation(PICTURES).reshape(-1, BATCH):
            mine = batch[number :: len(ports)]
            losses.append(float(step(tf.constant(pictures[mine]), tf.constant(digits[mine]))))
            began = began or time.perf_counter()  # the first step takes longer: it prepares the function
            steps += 1
        if number == 0:
            with Path(f"{backup}.part").open("wb") as file:
                np.savez(file, *[variable.numpy() for variable in state], done=epoch + 1)
            Path(f"{backup}.part").replace(backup)
            print(f"epoch {epoch + 1}: loss {np.mean(losses):.6f}", flush=True)
    if number == 0:
        rate = (steps - 1) / (time.perf_counter() - began) if steps else 0
        digest = hashlib.sha256(b"".join(weights.tobytes() for weights in model.get_weights())).hexdigest()
        sent = bytes_sent(model.count_params(), len(ports))
        print(f"weights {digest[:16]}, {rate:.0f} steps a second, {sent} bytes sent by each in a step", flush=True)


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


def _restored(backup, state):
    """How many epochs the file `backup` says are done; `state` is set to what it holds."""
    if not backup.exists():
        return 0
    try:
        with np.load(backup) as saved:
            for number, variable in enumerate(state):
                variable.assign(saved[f"arr_{number}"])
            return int(saved["done"])
    except Exception as error:  # NumPy raises many kinds for a damaged file
        sys.exit(f"{backup} cannot be read ({type(error).__name__}), remove it to begin anew")


def lead(workers, epochs, folder):
    """Start the workers and wait for them. Returns a sentence about the first that failed, or None."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(workers)]
        ports = [one.getsockname()[1] for one in sockets]  # free ones
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(n, ports, epochs, folder), daemon=True) for n in range(workers)]
    try:
        for process in processes:
            process.start()
        print("workers are the processes", *[process.pid for process in processes], flush=True)
        while True:
            codes = [process.exitcode for process in processes]  # once: asked again, one may have ended meanwhile
            if codes[0] == 0:  # it has all epochs; then the others may end in any way, since it is gone
                return None
            for number, code in enumerate(codes):
                if code:
                    said = (folder / f"worker_{number}.txt").read_text(errors="replace").strip().splitlines()
                    why = said[-1] if said and code == 1 else f"it was stopped (code {code})"
                    return f"worker {number} failed: {why}; to go on from the last whole epoch, give the command again"
            wait([process.sentinel for process, code in zip(processes, codes) if code is None])
    finally:
        for process in processes:
            if process.pid:
                process.kill()
                process.join()


def main(arguments=None):
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="train_workers.py", description="Train a network in several processes.")
    parser.add_argument("--workers", type=int, default=2, choices=range(1, MOST_WORKERS + 1), help="processes")
    parser.add_argument("--epochs", type=int, default=3, help="how often each picture is used")
    parser.add_argument("--folder", type=Path, required=True, help="for the backup; it is made when it is missing")
    options = parser.parse_args(arguments)
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        failed = lead(options.workers, options.epochs, options.folder)
    except OSError as error:
        failed = f"the folder {options.folder} cannot be used ({error.strerror})"
    except KeyboardInterrupt:
        return 130
    if failed:
        print(f"train_workers.py: {failed}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a folder's name may hold what the terminal cannot show
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.default_int_handler)  # raises KeyboardInterrupt
    sys.exit(main())
