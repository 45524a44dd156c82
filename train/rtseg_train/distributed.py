"""Training in several processes, one per GPU, on one machine or more, as `torchrun` starts them.

Every process takes an equal share of each batch. Gradients, BatchNorm statistics and logged losses are those of the
whole batch, so that any number of processes reaches the weights of one, up to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from rtseg.errors import DataError
from rtseg_train.config import TrainConfig

PATIENCE = timedelta(hours=2)  # how long the others wait for the first process's evaluation


@dataclass(frozen=True)
class World:
    """Which of how many processes this one is; alone unless `process_group` says otherwise."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that speaks, evaluates and writes files."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes, in place and in all of them."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


def current_world() -> World:
    """This process's place; raises DataError when torchrun started several that did not join `process_group`."""
    if dist.is_available() and dist.is_initialized():
        return World(dist.get_rank(), dist.get_world_size())
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise DataError("start several processes with: torchrun --nproc-per-node N -m rtseg_train LIST ...")
    return World()


@contextmanager
def process_group() -> Iterator[World]:
    """Join the other processes that torchrun started (NCCL with CUDA, else Gloo); alone without torchrun.

    One failure ends all processes: only the first to fail raises what it failed with, the others, which then
    mostly lose a connection, exit with 1 and say nothing. Raises DataError for more processes than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    local = int(os.environ["LOCAL_RANK"])
    cuda, gpus = torch.cuda.is_available(), torch.cuda.device_count()
    if cuda and local >= gpus:
        raise DataError(f"process {local + 1} on this machine has no GPU: it has {gpus}; give --nproc-per-node {gpus}")
    if cuda:
        torch.cuda.set_device(local)
    store, rank, size = next(rendezvous("env://"))
    dist.init_process_group("nccl" if cuda else "gloo", store=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        yield World(rank, size)
    except BaseException as e:
        # No destroy_process_group after a failure: it would wait for processes that wait for this one.
        failed = not isinstance(e, SystemExit) or e.code
        if failed and store.add("failures", 1) > 1:
            raise SystemExit(1) from None
        if failed:
            raise
    dist.barrier()
    dist.destroy_process_group()


def check_shares(config: TrainConfig, world: World) -> None:
    """Raise DataError when a batch can't be cut into equal shares with both frames of a pair in the same one."""
    unit = world.size * (2 if config.paired else 1)
    if world.size == 1 or config.batch % unit == 0:
        return
    whole = "equal shares of whole pairs" if config.paired else "equal shares"
    cure = f"--batch {-(-config.batch // unit) * unit}"
    if config.batch % world.size == 0:
        cure += " or --paired 0"
    raise DataError(f"a batch of {config.batch} can't be cut into {world.size} {whole}; give {cure}")


class Total(torch.autograd.Function):
    """Sum over all processes; the gradient, too, is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        grad = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad)
        return grad


class SharedBatchNorm(nn.BatchNorm2d):
    """BatchNorm whose statistics in training are those of all processes' equal shares together.

    torch.nn.SyncBatchNorm does the same on CUDA alone. Variances are joined after Chan et al. (1979), as the
    difference of two large sums would lose digits.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        size = dist.get_world_size()
        own_variance, own_mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
        mean: Tensor = Total.apply(own_mean) / size
        spread = own_variance + (own_mean - mean).square()
        variance: Tensor = Total.apply(spread) / size
        self._remember(mean, variance, x.numel() // x.shape[1] * size)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (x.float() * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        running = (self.running_mean, self.running_var, self.num_batches_tracked)
        if running[0] is None or running[1] is None or running[2] is None or self.momentum is None:
            return
        running[0].lerp_(mean, self.momentum)
        running[1].lerp_(variance * (count / max(1, count - 1)), self.momentum)
        running[2].add_(1)


def share_batch_norm(module: nn.Module) -> None:
    """Turn every BatchNorm2d inside into one over all processes, with the same weights and statistics."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.load_state_dict(child.state_dict())
            setattr(module, name, shared)
        else:
            share_batch_norm(child)


def averaging(net: nn.Module) -> nn.Module:
    """The net so wrapped that its backward pass averages gradients over all processes.

    Only for the parameters that want a gradient now: wrap anew when that changes.
    """
    device = next(net.parameters()).device
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(net, device_ids=ids)
