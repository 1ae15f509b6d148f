"""A residual network of Keras's functional API, with what training every day takes.

    python examples/keras_residual.py [--out FOLDER] [--plot history.png]

Random shifts of the images, two residual blocks, a learning rate that falls when the loss stays, an
early stop at the best weights, and checkpoints: killed at any moment and started again with the
same --out, it ends with the same weights. Learns the digits that come with Cygnet.

K. He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import cygnet as cn
from cygnet import keras
from cygnet.keras import layers


def residual(x, filters):
    """Two convolutions beside a shortcut."""
    shortcut = x if x.shape[-1] == filters else layers.Conv2D(filters, 1, use_bias=False)(x)
    for last in (False, True):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        if not last:
            x = layers.Activation("relu")(x)
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def network():
    images = keras.Input((8, 8, 1), name="images")
    x = layers.RandomTranslation(0.1, 0.1, fill_mode="constant")(images)
    x = residual(x, 16)
    x = layers.MaxPooling2D(2)(x)
    x = residual(x, 32)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(10, activation="softmax", name="digit")(x))


def arrays(split):
    images, labels = cn.data.digits(split).tensors
    return images.numpy().reshape(-1, 8, 8, 1), labels.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, help="a folder for checkpoints and the model")
    parser.add_argument("--plot", type=Path, help="where to draw the curves (matplotlib)")
    parser.add_argument("--short", action="store_true", help="eight epochs, for tests")
    options = parser.parse_args()
    epochs = 8 if options.short else options.epochs

    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(0)
        x_train, y_train = arrays("train")
        x_test, y_test = arrays("test")
        model = network()
        model.summary()
        model.compile(
            keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        history = model.fit(
            x_train,
            y_train,
            batch_size=32,
            epochs=epochs,
            validation_split=0.1,
            verbose=2,
            callbacks=[
                keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3),
                keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True),
                keras.callbacks.CSVLogger(folder / "history.csv"),
            ],
            resume=folder / "checkpoints",
        )
        model.save(folder / "model.keras")
        model = keras.models.load_model(folder / "model.keras")
        _, accuracy = model.evaluate(x_test, y_test, verbose=0)
        wrong = np.flatnonzero(model.predict(x_test, verbose=0).argmax(-1) != y_test)
        print(f"test accuracy {accuracy:.4f}: {len(wrong)} of {len(y_test)} wrong")
        if options.plot:
            history.plot(options.plot)
    assert accuracy >= (0.95 if options.short else 0.985), f"test accuracy {accuracy:.4f}"


if __name__ == "__main__":
    main()
