"""Tests of what stands in labs/, and a builder of tiny models for those of its programs."""


def network(shape, *parts):
    """A model for inputs of this shape (None: it is never built) of layers, each given as (name, argument, ...)."""
    import keras

    layers = [getattr(keras.layers, name)(*arguments) for name, *arguments in parts]
    return keras.Sequential(layers if shape is None else [keras.Input(shape), *layers])
