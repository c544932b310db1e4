"""Start, stop, crash and restart of the sandbox, in one process and as a child."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from hotfolder.sandbox import embedded
from hotfolder.sandbox.embedded import EmbeddedSandbox, python_command
from hotfolder.sandbox.settings import SandboxError, SandboxSettings
from hotfolder.sandbox.state import open_sandbox
from tests.sandbox.conftest import SKY, Start, calling
from tests.sandbox.faulty import fire
from tests.support.processes import children_of, gone
from tests.support.sandboxledger import charges, read_ledger
from tests.support.studio import wait_for


def during_a_merge(sandbox: EmbeddedSandbox, settings: SandboxSettings) -> tuple[int, int]:
    """The processes of the server and of its worker, which has begun a merge without end."""
    with calling(sandbox.api_base_url, settings) as caller:
        caller.merge()
    wait_for(lambda: list((settings.data / "objects" / "parts").iterdir()))
    assert sandbox.pid is not None
    (worker,) = children_of(sandbox.pid)
    return sandbox.pid, worker


@pytest.fixture
def child(settings: SandboxSettings) -> Iterator[EmbeddedSandbox]:
    with EmbeddedSandbox(replace(settings, engine="bad_engine")) as sandbox:
        yield sandbox


def test_it_stops_quickly_although_connections_are_open(start: Start) -> None:
    """An idle keep-alive connection and an unfinished operation don't delay it beyond 3 seconds."""
    with ThreadPoolExecutor(1) as pool:
        with start(operation_delay_seconds=60) as caller:
            request = caller.api.build_request("POST", f"/api/images/{caller.image()}/sky-replace", json=SKY)
            operation = pool.submit(fire, request)  # on a connection that stays open beyond the caller's
            wait_for(lambda: charges(caller.settings.data))
            begin = monotonic()
        assert monotonic() - begin < 30
        answer = operation.result()
    assert answer.status == 500
    assert b"the sandbox was stopped" in answer.body


def test_the_child_answers_where_it_says(child: EmbeddedSandbox, settings: SandboxSettings) -> None:
    """Both addresses work, and the documentation is served without a key."""
    assert httpx.get(f"{child.api_base_url}/openapi.json").json()["info"]["title"]
    assert httpx.get(f"{child.api_base_url}/docs").status_code == 200
    assert httpx.get(child.storage_base_url).status_code == 404
    assert len(read_ledger(settings.data)) == 3


def test_ctrl_c_on_the_terminal_does_not_reach_the_child(child: EmbeddedSandbox) -> None:
    """It is in a process group of its own, since its parent needs it while draining."""
    assert child.pid is not None
    assert os.getpgid(child.pid) != os.getpgid(0)


def test_stopping_the_child_ends_all_of_it(child: EmbeddedSandbox, settings: SandboxSettings) -> None:
    """Server and worker are gone soon, even during a merge."""
    server, worker = during_a_merge(child, settings)
    begin = monotonic()
    child.stop()
    assert monotonic() - begin < 30
    assert gone(server, 0) and gone(worker)
    assert child.pid is None


def test_a_killed_server_takes_its_worker_along(child: EmbeddedSandbox, settings: SandboxSettings) -> None:
    """SIGKILL during a merge leaves no worker behind."""
    server, worker = during_a_merge(child, settings)
    os.kill(server, signal.SIGKILL)
    assert gone(worker)


def test_a_killed_parent_takes_the_sandbox_along(settings: SandboxSettings) -> None:
    """Nobody is left to stop it, so it notices by itself."""
    code = (
        "import sys, time; from pathlib import Path;"
        "from hotfolder.sandbox.embedded import EmbeddedSandbox;"
        "from hotfolder.sandbox.settings import SandboxSettings;"
        "sandbox = EmbeddedSandbox(SandboxSettings(data=Path(sys.argv[1]), port=0, storage_port=0));"
        "sandbox.start(); print(sandbox.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}", str(settings.data)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        server = int(parent.stdout.readline())
        assert not gone(server, 0)
        parent.kill()
        parent.wait()
        assert gone(server)


def test_a_thread_that_started_the_child_may_end(settings: SandboxSettings) -> None:
    """The daemon starts it from a helper thread; the child must outlive that one."""
    sandbox = EmbeddedSandbox(settings)
    thread = threading.Thread(target=sandbox.start)
    thread.start()
    thread.join()
    try:
        sleep(0.2)
        assert httpx.get(f"{sandbox.api_base_url}/openapi.json").status_code == 200
    finally:
        sandbox.stop()


def test_a_child_that_can_not_start_says_why(settings: SandboxSettings) -> None:
    """The error has the end of the child's log: here, an address in use."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=rf"exit code 2.*\n.*can't listen on 127.0.0.1:{port}"):
            EmbeddedSandbox(replace(settings, port=port)).start()


def test_a_missing_extra_is_told_its_cure(settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with only the daemon installed reads what to install."""
    monkeypatch.setattr(embedded, "EXTRA_MODULES", ("fastapi", "surely_not_installed"))
    with pytest.raises(
        SandboxError, match=rf"surely_not_installed.*{sys.prefix}/bin/pip install '\.\[sandbox\]'"
    ):
        EmbeddedSandbox(settings).start()


def test_the_key_is_not_on_the_command_line(settings: SandboxSettings) -> None:
    """Everybody on the machine can read command lines."""
    with EmbeddedSandbox(replace(settings, required_key="very-secret")) as sandbox:
        assert b"very-secret" not in Path(f"/proc/{sandbox.pid}/cmdline").read_bytes()
        for key, status in (("any-key", 401), ("very-secret", 200)):
            with calling(sandbox.api_base_url, settings, key) as caller:
                assert caller.post("/api/projects", {"title": "x"}).status_code == status


def test_the_child_obeys_every_setting(settings: SandboxSettings) -> None:
    """This includes settings without a command line option."""
    with (
        EmbeddedSandbox(replace(settings, json_limit_bytes=20)) as sandbox,
        calling(sandbox.api_base_url, settings) as caller,
    ):
        assert caller.post("/api/projects", {"title": "x" * 20}).status_code == 413


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """It prints one line, then nothing; a signal ends it with 0."""
    command = python_command(
        "hotfolder.sandbox.__main__", "--port=0", "--storage-port=0", f"--data={tmp_path}"
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "http://127.0.0.1:" in line and "http://127.0.0.2:" in line and line.rstrip().endswith("/docs")
    process.send_signal(number)
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_the_parent_imports_nothing_heavy() -> None:
    """The daemon may import the embedding without importing FastAPI and OpenCV."""
    code = (
        "import hotfolder.sandbox.embedded, hotfolder.sandbox.settings, hotfolder.sandbox.__main__;"
        " print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
    )
    heavy = {"cv2", "numpy", "fastapi", "starlette", "uvicorn", "pydantic", "PIL", "sqlmodel"}
    assert done.returncode == 0
    assert heavy & set(done.stdout.split()) == set()


def test_ids_and_photos_outlive_a_restart(start: Start) -> None:
    """A group can be filled before the restart, and merged after it."""
    with start() as caller:
        project, group = caller.begun()
        caller.upload(project, group, caller.jpeg())
        image = caller.image()
    with start() as caller:
        caller.enhance(project, group).raise_for_status()
        assert caller.wait(group)["status"] == "completed"
        assert caller.post(f"/api/images/{image}/sky-replace", SKY).status_code == 200


def test_an_interrupted_merge_is_run_again(start: Start, settings: SandboxSettings) -> None:
    """It was paid once, and is there in the end."""
    with start(merge_delay_seconds=60) as caller:
        group = caller.merge()
        assert caller.status(group)["status"] == "processing"
    with start() as caller:
        assert caller.wait(group)["status"] == "completed"
    assert len(charges(settings.data, "/api/hdr-enhance")) == 1


def test_old_urls_stay_good_where_the_address_does(start: Start) -> None:
    """The signing secret is kept: a URL handed out before opens the same picture after."""
    with start() as caller:
        url = caller.image_url()
        before = caller.storage.get(url).content
        port = int(url.split(":")[2].split("/")[0])
    with start(storage_port=port) as caller:
        assert caller.storage.get(url).content == before


def test_two_sandboxes_never_share_a_folder(start: Start, settings: SandboxSettings) -> None:
    """The second says which folder and what to do."""
    with (
        start(),
        pytest.raises(SandboxError, match=r"already running on .*another data folder"),
        open_sandbox(settings, "http://127.0.0.2:1"),
    ):
        pass
