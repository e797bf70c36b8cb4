"""Which device computes."""

from __future__ import annotations

import platform

import psutil
import torch

from napari_ssn.errors import DeviceError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` takes CUDA, else MPS, else the CPU.

    DeviceError if a device is asked for by name that this computer does not have.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind = name.split(":")[0]
    if kind not in available:
        raise DeviceError(f"Unknown device {name!r}; choose auto, cuda, mps or cpu.")
    if not available[kind]:
        raise DeviceError(f"This computer has no {kind.upper()} device; choose auto or cpu.")
    return torch.device(name)


def device_title(device: torch.device) -> str:
    """Words for a person: ``GPU · NVIDIA H100`` or ``CPU``."""
    if device.type == "cuda":
        return f"GPU · {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return f"GPU · {platform.processor() or 'Apple'}"
    return "CPU"


def free_bytes(device: torch.device) -> int:
    """Free memory where a result may be kept: the computer's or, if that has more, its GPU's."""
    free = int(psutil.virtual_memory().available)
    if device.type == "cuda":
        free = max(free, int(torch.cuda.mem_get_info(device)[0]))
    return free
