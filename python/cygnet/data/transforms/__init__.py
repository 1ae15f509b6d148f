"""Changes of images as they are read, at random for augmentation; names and arguments are
torchvision's, except that nothing knows PIL: an image is a (C, H, W) Tensor or array.
"""

from cygnet.data.transforms.base import Compose, Lambda, RandomApply, ToTensor, Transform
from cygnet.data.transforms.batch import CutMix, MixUp
from cygnet.data.transforms.color import (
    ColorJitter,
    GaussianNoise,
    Grayscale,
    Normalize,
    RandomGrayscale,
)
from cygnet.data.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
    Resize,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "CutMix",
    "GaussianNoise",
    "Grayscale",
    "Lambda",
    "MixUp",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomShift",
    "RandomVerticalFlip",
    "Resize",
    "ToTensor",
    "Transform",
]
