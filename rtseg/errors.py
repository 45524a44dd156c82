"""Every error rtseg raises on purpose. The message is the interface: what happened, with what value, what to do.

RtsegError
├── SourceError        a camera, file, stream or picture can't be read
├── BackgroundError    a background can't be used
├── ModelError         a model file can't be used, or its output is not an alpha
│   └── ProviderError  the execution provider that was asked for is not to be had
├── OutputError        a window, file or folder can't be written
├── PageError          the control page can't be served, or asks for what can't be
├── DataError          training data, configs or checkpoints can't be used
└── ExportError        an export failed or missed its parity tolerance
"""

from __future__ import annotations


class RtsegError(Exception):
    """Base of all errors that a user can cause and cure; the CLI prints the message and exits with 1."""


class SourceError(RtsegError):
    """A camera, file, stream or picture can't be read."""


class BackgroundError(RtsegError):
    """A background can't be used."""


class ModelError(RtsegError):
    """A model file can't be used, or its output is not an alpha."""


class ProviderError(ModelError):
    """The execution provider that was asked for is not to be had."""


class OutputError(RtsegError):
    """A window, file or folder can't be written."""


class PageError(RtsegError):
    """The control page can't be served, or asks for what can't be."""


class DataError(RtsegError):
    """Training data, a config or a checkpoint can't be used."""


class ExportError(RtsegError):
    """An export failed or missed its parity tolerance."""
