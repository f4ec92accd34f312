"""Hardware detection: CPU, memory, GPUs, and which builds of torch and llama-cpp-python fit. Standard library only."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.l10n.text import L10n, l10n

Accelerator = Literal["cuda", "metal", "cpu"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA device; ``memory`` in bytes."""

    name: str
    memory: int


@dataclass(frozen=True, slots=True)
class Machine:
    """``system`` is linux, darwin or windows; ``arch`` x86_64 or arm64; ``nvcc`` the CUDA compiler's path or empty."""

    system: str
    arch: str
    gpus: tuple[Gpu, ...] = ()
    nvcc: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """Which build of each library to install; ``why`` says it to a person."""

    torch: Accelerator
    llama: Accelerator
    why: L10n

    @property
    def cmake_args(self) -> str:
        """CMAKE_ARGS for llama-cpp-python's build; ``GGML_NATIVE`` uses every instruction of this CPU but AMX."""
        cuda, metal = ("ON" if self.llama == kind else "OFF" for kind in ("cuda", "metal"))
        without = " ".join(f"-DCMAKE_{language}_FLAGS=-mno-amx-int8" for language in ("C", "CXX")) if has_amx() else ""
        return f"-DGGML_NATIVE=ON -DGGML_CUDA={cuda} -DGGML_METAL={metal} {without}".strip()


def choose_build(machine: Machine) -> Build:
    """CUDA for an NVIDIA GPU whose driver answers, Metal for Apple silicon, else the CPU."""
    if machine.gpus and machine.nvcc:
        name = machine.gpus[0].name
        return Build("cuda", "cuda", l10n("CUDA builds, for the {name} in this machine", name=name))
    if machine.gpus:
        name = machine.gpus[0].name
        return Build(
            "cuda",
            "cpu",
            l10n(
                "the CUDA build of PyTorch for the {name}, but the CPU build of llama.cpp: its CUDA build needs the "
                "CUDA toolkit (nvcc), which was not found; install it and start again to use the GPU for chat",
                name=name,
            ),
        )
    if (machine.system, machine.arch) == ("darwin", "arm64"):
        return Build("metal", "metal", l10n("Metal builds, for Apple silicon"))
    return Build("cpu", "cpu", l10n("CPU builds, since no NVIDIA driver answers and this is not Apple silicon"))


def this_machine() -> Machine:
    """Look at the machine we run on: milliseconds without a GPU, a driver's start (about 0.2 s) with one."""
    arch = platform.machine().lower()
    return Machine(
        system=platform.system().lower(),
        arch={"amd64": "x86_64", "aarch64": "arm64"}.get(arch, arch),
        gpus=nvidia_gpus(),
        nvcc=find_nvcc(),
    )


def nvidia_gpus() -> tuple[Gpu, ...]:
    """The devices the CUDA driver lists (CUDA Driver API); empty when there is no driver or it does not answer."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        count = ctypes.c_int()
        if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
            return ()
        return tuple(_gpu(cuda, ordinal) for ordinal in range(count.value))
    except (OSError, AttributeError):
        return ()


def _gpu(cuda: ctypes.CDLL, ordinal: int) -> Gpu:
    name, memory, device = ctypes.create_string_buffer(256), ctypes.c_size_t(), ctypes.c_int()
    cuda.cuDeviceGet(ctypes.byref(device), ordinal)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return Gpu(name.value.decode("utf-8", "replace"), memory.value)


def gpu_free() -> int:
    """Bytes free now on the first device the CUDA driver lists, as NVML tells; its size if it does not; 0 without one.

    NVML, since the CUDA driver tells this only to who has opened the device, which takes memory of its own there.
    """
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        device, identity = ctypes.c_int(), ctypes.create_string_buffer(16)
        if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), 0):
            return 0
        whole = _gpu(cuda, 0).memory
        if cuda.cuDeviceGetUuid_v2(identity, device):
            return whole
        return _nvml_free(str(uuid.UUID(bytes=identity.raw))) or whole
    except (OSError, AttributeError):
        return 0


def gpu_taken(before: int, now: int, least: int) -> int:
    """Bytes of GPU memory that a library without a figure of its own took, by what was free ``before`` and is ``now``.

    At least ``least``, its weights: others may have given memory back meanwhile. 0 where no GPU was told of before.
    """
    return max(before - now, least) if before else 0


def _nvml_free(device: str) -> int:
    """Bytes free on the device of that UUID, a whole one or a slice of one (MIG); 0 when NVML does not tell."""
    try:
        nvml = ctypes.CDLL("nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1")
        if nvml.nvmlInit_v2():
            return 0
        handle, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()  # total, free, used
        names = (f"GPU-{device}".encode(), f"MIG-{device}".encode())
        found = any(not nvml.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle)) for name in names)
        told = found and not nvml.nvmlDeviceGetMemoryInfo(handle, memory)
        nvml.nvmlShutdown()
        return memory[1] if told else 0
    except (OSError, AttributeError):
        return 0


def find_nvcc() -> str:
    """The CUDA compiler: on PATH, in CUDA_PATH or CUDA_HOME, or where NVIDIA's installer puts it."""
    roots = [os.environ.get("CUDA_PATH"), os.environ.get("CUDA_HOME"), None if os.name == "nt" else "/usr/local/cuda"]
    folders = [str(Path(root) / "bin") for root in roots if root]
    return shutil.which("nvcc") or shutil.which("nvcc", path=os.pathsep.join(folders)) or ""


def has_compiler(system: str) -> bool:
    """Whether C++ can be compiled here: what CC, CXX or PATH name, Xcode's tools, or Visual Studio's (not on PATH)."""
    if system == "darwin":  # /usr/bin/cc is always there and only offers to install the tools
        return _succeeds("xcode-select", "-p")
    compilers = [os.environ.get("CXX", "").split(" ")[0], "c++", "g++", "clang++", "cl"]
    if any(name and shutil.which(name) for name in compilers):
        return True
    return system == "windows" and bool(_visual_studio())


def _visual_studio() -> str:
    folder = Path(os.environ.get("PROGRAMFILES(X86)", "C:/Program Files (x86)"), "Microsoft Visual Studio", "Installer")
    component = "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
    return _output(
        str(folder / "vswhere.exe"), "-latest", "-products", "*", "-requires", component, "-property", "instanceId"
    )


def compiler_advice(system: str) -> L10n:
    """One sentence on how to get a C/C++ compiler on this system."""
    if system == "darwin":
        command = "xcode-select --install"
    elif system == "windows":
        return l10n(
            'Install the "Build Tools for Visual Studio" with "Desktop development with C++", then start again.'
        )
    else:
        managers = {
            "apt-get": "sudo apt-get install build-essential",
            "dnf": "sudo dnf install gcc gcc-c++",
            "pacman": "sudo pacman -S base-devel",
            "zypper": "sudo zypper install gcc gcc-c++",
            "apk": "sudo apk add build-base",
        }
        command = next((how for name, how in managers.items() if shutil.which(name)), managers["apt-get"])
    return l10n("Install one with: {command} — then start again.", command=command)


@functools.cache
def cpu_name() -> str:
    """The processor's name as its maker writes it."""
    system = platform.system()
    if system == "Linux":
        return _cpuinfo().get("model name") or platform.processor() or platform.machine()
    if system == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return os.environ.get("PROCESSOR_IDENTIFIER") or platform.processor()


def cpu_features() -> frozenset[str]:
    """Instruction sets under Linux's names (``avx2``, ``avx512f``, ``asimd``); empty where the system does not tell."""
    if platform.system() == "Darwin":
        return frozenset(_output("sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features").lower().split())
    info = _cpuinfo()
    return frozenset((info.get("flags") or info.get("Features") or "").split())


def has_amx() -> bool:
    """Whether the CPU has AMX: GCC 11 and 12 drop ggml's set-up of it (llama.cpp #26954), so its use ends in SIGILL."""
    return "amx_int8" in cpu_features()


# What ggml calls an instruction set (llama_print_system_info) and what Linux calls it.
GGML_FEATURES = {
    "SSE3": "pni", "SSSE3": "ssse3", "AVX": "avx", "AVX2": "avx2", "AVX_VNNI": "avx_vnni", "F16C": "f16c", "FMA": "fma",
    "BMI2": "bmi2", "AVX512": "avx512f", "AVX512_VBMI": "avx512vbmi", "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16", "AMX_INT8": "amx_int8", "FP16_VA": "asimdhp", "DOTPROD": "asimddp", "SVE": "sve",
    "MATMUL_INT8": "i8mm",
}  # fmt: skip


def lacking(system_info: str, features: frozenset[str]) -> tuple[str, ...]:
    """Instruction sets a llama.cpp build was compiled for and this CPU has not: calling it would end in SIGILL.

    ``system_info`` is ``CPU : AVX = 1 | AVX2 = 1 | ...``. Empty when ``features`` is, since nothing can then be said.
    """
    pairs = (part.rpartition(":")[2].split("=") for part in system_info.split("|") if "=" in part)
    built_for = {name.strip() for name, value in pairs if value.strip() == "1"}
    return tuple(
        name for name, flag in GGML_FEATURES.items() if features and name in built_for and flag not in features
    )


@functools.cache
def _cpuinfo() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is none."""
    try:
        first = Path("/proc/cpuinfo").read_text("utf-8", "replace").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _output(*command: str) -> str:
    """What ``command`` prints, without the line's end; empty when it is missing, fails or takes over 10 s."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _succeeds(*command: str) -> bool:
    return bool(_output(*command))


def return_large_blocks(least: int = 1_000_000) -> None:
    """Have this process give blocks of ``least`` bytes and more back to the system as soon as they are free.

    glibc otherwise keeps them for later, up to 32 MB each, and lengths that are never the same leave holes between
    them. Does nothing where the C library has no ``mallopt``.
    """
    trim_threshold, mmap_threshold = -1, -3  # of <malloc.h>; setting them also ends their growth
    library = ctypes.CDLL(None) if platform.system() == "Linux" else None
    if library and hasattr(library, "mallopt"):
        library.mallopt(trim_threshold, least)
        library.mallopt(mmap_threshold, least)
