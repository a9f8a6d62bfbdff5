"""Tests of what stands in labs/, a builder of tiny models for those of its programs, and how these are run."""

from functools import partial

import pytest


def runner(app):
    """A fixture: runs a program with arguments; returns its exit status and what it wrote to stdout and to stderr."""

    def run(capsys, *arguments):
        try:
            code = app.main([*map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return pytest.fixture(lambda capsys: partial(run, capsys))


def network(shape, *parts):
    """A model for inputs of this shape (None: it is never built) of layers, each given as (name, argument, ...)."""
    import keras

    layers = [getattr(keras.layers, name)(*arguments) for name, *arguments in parts]
    return keras.Sequential(layers if shape is None else [keras.Input(shape), *layers])
