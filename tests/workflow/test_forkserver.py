"""Jobs that are forks of one process: as if they ran by themselves, and gone when they should be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from svi_atlas.jobs import forkserver

PROBLEM = """
import os, sys, time
print("parent", os.getppid(), "has jax", "jax" in sys.modules, file=sys.stderr, flush=True)
{body}
"""


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="jobs start warm on Linux only"),
]


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(forkserver.VARIABLE, "none")
    process = forkserver.start({"PYTHONHASHSEED": "0"})
    yield process
    process.stdin.close()
    process.wait(timeout=60)


def start(body):
    """A command that runs the body while it loads a problem file."""
    Path("problem.py").write_text(PROBLEM.format(body=body))
    command = [sys.executable, "-m", "svi_atlas", "describe-problems", "problem.py"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(body):
    process = start(body)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def test_a_job_is_a_fork_with_its_own_output_folder_and_code(server):
    for edition in ("first", "second"):
        code, _, errors = finished(f"raise ValueError('{edition} ' + os.getcwd())")
        assert code == 1
        assert f"parent {server.pid} has jax True" in errors
        assert f"ValueError: {edition} {Path.cwd()}" in errors
    code, output, _ = finished("from svi_atlas.problems.coin.model import PROBLEM")
    assert code == 0
    assert '"headstails"' in output


def test_a_job_that_raises_or_dies_fails(server):
    code, _, errors = finished("os.kill(os.getpid(), 9)")
    assert code == 1
    assert "the job's process died" in errors

    def run(*arguments):
        command = [sys.executable, "-m", "svi_atlas", *arguments]
        process = subprocess.run(command, capture_output=True, text=True)
        return process.returncode, process.stderr

    code, errors = run("run", "missing.json")
    assert code == 1
    assert "FileNotFoundError" in errors
    code, errors = run("run")
    assert code == 2
    assert "usage:" in errors


def test_a_job_stops_when_its_client_is_killed_and_cleans_up(server):
    client = start(
        """
open("pid", "w").write(str(os.getpid()))
try:
    time.sleep(600)
finally:
    open("cleaned", "w").close()
"""
    )
    wait_for(lambda: Path("pid").exists() and Path("pid").read_text())
    client.send_signal(signal.SIGKILL)
    client.communicate()
    wait_for(lambda: Path("cleaned").exists())
    wait_for(lambda: not running(int(Path("pid").read_text())))


def test_the_server_ends_with_its_parent_and_jobs_then_run_by_themselves(server):
    folder = Path(os.environ[forkserver.VARIABLE].rpartition("=")[2]).parent
    assert folder.exists()
    server.stdin.close()
    server.wait(timeout=60)
    assert not folder.exists()
    code, _, errors = finished("from svi_atlas.problems.coin.model import PROBLEM")
    assert code == 0
    assert f"parent {os.getpid()} has jax" in errors


def test_another_environment_does_not_use_it(server, monkeypatch):
    address = os.environ[forkserver.VARIABLE].rpartition("=")[2]
    monkeypatch.setenv(forkserver.VARIABLE, f"/another/environment={address}")
    assert forkserver.forward(["run", "spec.json"]) is None


def test_off_starts_nothing(monkeypatch):
    monkeypatch.setenv(forkserver.VARIABLE, "off")
    assert forkserver.start({}) is None
    assert forkserver.forward(["run", "spec.json"]) is None


def test_a_name_too_long_for_a_socket_starts_nothing(monkeypatch, tmp_path):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    monkeypatch.delenv(forkserver.VARIABLE, raising=False)
    assert forkserver.start({}) is None
    assert list(long.iterdir()) == []


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
