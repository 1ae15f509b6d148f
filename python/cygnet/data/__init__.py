"""Datasets, the loader that makes batches of them, and real data to learn from."""

from cygnet.data.dataset import Dataset, Subset, TensorDataset
from cygnet.data.loader import DataLoader, default_collate
from cygnet.data.sources import DownloadError, digits, mnist

__all__ = [
    "DataLoader",
    "Dataset",
    "DownloadError",
    "Subset",
    "TensorDataset",
    "default_collate",
    "digits",
    "mnist",
]
