"""Write cifar_body.npz: a network trained on CIFAR-10 without its cats and dogs, whose body lab 19 builds on.

Run it in the course's folder: python -m data.make_body
It takes about four CPU-minutes and the full set, which it fetches where the cache does not hold it, and prints the
accuracy on the test pictures and the SHA-256 of the file, which belongs into utils/data/sets.py. Another version of
Keras, or another processor, trains another body, much like this one.
"""

import hashlib
import math
from pathlib import Path

import keras
import numpy as np

from utils import data, runtime

OTHERS = np.setdiff1d(np.arange(10), [3, 5])  # the labels of the eight kinds that are neither cats nor dogs
WIDTH = 24  # filters of the first convolution
EPOCHS = 6
BATCH = 128
SEED = 0


def block(x, filters, number, pool=False):
    """A convolution, pooling where asked for, batch normalisation and a ReLU."""
    x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
    x = keras.layers.MaxPooling2D(2)(x) if pool else x
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
    return keras.layers.Activation("relu")(x)


def body(x):
    """The residual network of lab 07 up to its last layer: from pictures, -1 to 1, to features (n, 4 * WIDTH)."""
    x = block(x, WIDTH, 1, pool=True)
    x = block(x, 2 * WIDTH, 2, pool=True)
    x = keras.layers.Add()([x, block(block(x, 2 * WIDTH, 3), 2 * WIDTH, 4)])
    x = block(x, 4 * WIDTH, 5, pool=True)
    x = keras.layers.Add()([x, block(block(x, 4 * WIDTH, 6), 4 * WIDTH, 7)])
    return keras.layers.GlobalAveragePooling2D()(x)


def network():
    pictures = keras.Input((32, 32, 3))
    x = keras.layers.RandomFlip("horizontal")(pictures)
    x = keras.layers.RandomTranslation(2 / 32, 2 / 32, interpolation="nearest")(x)
    x = body(keras.layers.Rescaling(1 / 127.5, offset=-1)(x))
    return keras.Model(pictures, keras.layers.Dense(len(OTHERS), name="head")(x))


def one_cycle(steps, peak=0.01):
    """The rate of lab 07's recipe, with AdamW."""
    warm_up = steps // 4
    rise, fall = {"warmup_target": peak, "warmup_steps": warm_up}, {"decay_steps": steps - warm_up, "alpha": 0.01}
    rate = keras.optimizers.schedules.CosineDecay(peak / 20, **fall, **rise)
    return keras.optimizers.AdamW(rate, weight_decay=0.05)


def without_cats_and_dogs(images, labels):
    """The pictures of the eight other kinds, with labels from 0 to 7 in the order of OTHERS."""
    kept = np.isin(labels, OTHERS)
    return images[kept], np.searchsorted(OTHERS, labels[kept])


def main():
    train, test = (without_cats_and_dogs(*split) for split in data.cifar10(mode="full"))
    runtime.set_seed(SEED)
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(one_cycle(EPOCHS * math.ceil(len(train[0]) / BATCH)), loss, metrics=["accuracy"])
    model.fit(*train, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    weights = {f"{layer.name}_{weight.name}": weight.numpy() for layer in model.layers for weight in layer.weights}
    halves = {name: array.astype(np.float16) for name, array in weights.items() if "seed" not in name}
    path = Path(__file__).with_name("cifar_body.npz")
    np.savez(path, **halves)
    print(list(halves), model.evaluate(*test, batch_size=500, verbose=0)[1])
    print(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
