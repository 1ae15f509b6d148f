"""Datasets, samplers, the loader that makes batches of them, and real data to learn from;
`cygnet.utils.data` has the same without the real data.
"""

from cygnet.data import transforms
from cygnet.data.audio import log_mel_spectrogram, mel_filterbank, power_spectrogram
from cygnet.data.augmentation import TransformedDataset
from cygnet.data.bucket import BucketBatchSampler, pad_collate
from cygnet.data.collate import default_collate, default_convert
from cygnet.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from cygnet.data.loader import DataLoader
from cygnet.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from cygnet.data.sources import DownloadError, digits, mnist
from cygnet.data.text import Vocabulary, tokenize_words
from cygnet.data.workers import get_worker_info

__all__ = [
    "BatchSampler",
    "BucketBatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "TransformedDataset",
    "Vocabulary",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "digits",
    "get_worker_info",
    "log_mel_spectrogram",
    "mel_filterbank",
    "mnist",
    "pad_collate",
    "power_spectrogram",
    "random_split",
    "tokenize_words",
    "transforms",
]
