"""A fork server: jobs are forks of one process that has imported the heavy libraries.

Importing them takes 2 to 3 s of CPU time per job, often more than the job's own work. The main process of
a run starts a server, which imports third-party libraries but never this one, and forks once per job; the
job then imports this library afresh, so that it sees the code as it is. A job that finds no server runs
in a process of its own: on the nodes of a cluster, in another environment, or with
SVI_ATLAS_FORKSERVER=off.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from socketserver import BaseRequestHandler, ForkingMixIn, UnixStreamServer

VARIABLE = "SVI_ATLAS_FORKSERVER"
"""Environment variable that tells jobs the environment and the address of the server, or "off"."""

LIBRARIES = (
    "jax.numpy",
    "numpyro.infer.autoguide",
    "h5netcdf",
    "xarray",
    "pyarrow.parquet",
    "pandas",
    "arviz_stats.base",
    "jaxtyping",
    "scipy.stats",
    "matplotlib.pyplot",
    "papermill",
    "jupytext",
    "nbconvert",
)


def start(environment: dict[str, str]) -> subprocess.Popen | None:
    """Start a server that lives as long as this process, and tell the jobs started from here.

    Parameters
    ----------
    environment
        Variables that the server needs in addition to those of this process.

    Returns
    -------
    None, and nothing is started, if VARIABLE is "off", if forks of a process with such libraries are
    not safe (macOS), or if the path of the folder for temporary files is too long for a socket.
    """
    if os.environ.get(VARIABLE) == "off" or sys.platform != "linux":
        return None
    folder = Path(tempfile.mkdtemp(prefix="svi-atlas-"))
    address = str(folder / "jobs")
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            listening.bind(address)
        except OSError:
            shutil.rmtree(folder)
            return None
        listening.listen(128)
        server = subprocess.Popen(
            [sys.executable, "-m", "svi_atlas.jobs.forkserver", address, str(listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            env={**os.environ, **environment},
            start_new_session=True,
        )
    os.environ[VARIABLE] = f"{sys.prefix}={address}"
    return server


def forward(arguments: list[str]) -> int | None:
    """Run a command as a fork of the server; returns its exit code, or None if there is no server."""
    prefix, _, address = os.environ.get(VARIABLE, "").rpartition("=")
    if prefix != sys.prefix:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
            socket.send_fds(connection, [b"\n"], [1, 2])
        except OSError:
            return None
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        request = {"arguments": arguments, "cwd": os.getcwd(), "environment": environment}
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = connection.recv(1)
    if not answer:
        print("error: the job's process died", file=sys.stderr)
        return 1
    return answer[0]


class _Job(BaseRequestHandler):
    """One command, in a process of its own that has the client's output, folder and environment."""

    def handle(self) -> None:
        _, descriptors, _, _ = socket.recv_fds(self.request, 1, 2)
        request = json.loads(self.request.makefile().readline())
        for descriptor, standard in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        threading.Thread(target=self._follow, daemon=True).start()
        from svi_atlas.cli import main

        try:
            code = main(request["arguments"])
        except SystemExit as stop:
            code = int(stop.code or 0)
        except Exception:
            sys.excepthook(*sys.exc_info())
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        self.request.sendall(bytes([code]))

    def _follow(self) -> None:
        """Stop when the client is gone: politely, so that temporary files go too, then for good."""
        if not self.request.recv(1):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
            os.kill(os.getpid(), signal.SIGKILL)


class _Server(ForkingMixIn, UnixStreamServer):
    max_children = 10_000


def _end_with_parent(address: str) -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(Path(address).parent, ignore_errors=True)
    os._exit(0)


def _serve(address: str, listening: int) -> None:
    from svi_atlas.jobs.runtime import limit_threads, set_compiler_flags

    threading.Thread(target=_end_with_parent, args=(address,), daemon=True).start()
    # A run in the background may have been told to ignore it, but it is how jobs are ended.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    limit_threads(1)
    set_compiler_flags()
    for name in LIBRARIES:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.split(".")[0] == "svi_atlas"]:
        del sys.modules[name]
    gc.freeze()
    server = _Server(address, _Job, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=listening)
    server.serve_forever()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
