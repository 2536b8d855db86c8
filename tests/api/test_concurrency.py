"""Threads, forks, other processes, and Ctrl-C."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import lakebed


def python(code: str, *arguments: object, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen[str], timeout: float = 60) -> str:
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out


def test_threads_share_a_store(store):
    def work(seed: int) -> list[tuple[lakebed.Hash, bytes]]:
        source = random.Random(seed)
        done = []
        for number in range(200):
            data = source.randbytes(source.randrange(500))
            done.append((store.put(data), data))
            hash, data = source.choice(done)
            assert store.get(hash) == data
            if number % 50 == 0:
                store.append(f"rows{seed % 2}", [{"seed": seed, "number": number}])
                store.commit()
        return done

    with ThreadPoolExecutor(8) as pool:
        everything = [pair for pairs in pool.map(work, range(8)) for pair in pairs]
    assert all(store.get(hash) == data for hash, data in everything)
    assert sum(len(list(store.scan(name))) for name in ("rows0", "rows1")) == 32


def test_other_threads_run_during_a_long_call(store, tmp_path):
    file = tmp_path / "many.ndjson"
    with file.open("w") as out:
        for number in range(300_000):
            out.write(f'{{"id":{number},"text":"{number * 7919 % 100_003}"}}\n')
    turns = 0
    done = threading.Event()

    def count() -> None:
        nonlocal turns
        while not done.wait(0.001):
            turns += 1

    thread = threading.Thread(target=count)
    thread.start()
    store.ingest(file)
    done.set()
    thread.join()
    assert turns > 5


def test_one_iterator_shared_by_threads_gives_each_row_once(store):
    store.append("rows", range(5000))
    rows = store.scan("rows")
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: [row.seq for row in rows], range(4)))
    assert sorted(seq for part in parts for seq in part) == list(range(5000))


def test_a_writer_and_readers_in_other_processes(path):
    with lakebed.open(path) as store:
        store.append("rows", [b"0"])
    reader = """
        import sys, lakebed
        with lakebed.open(sys.argv[1], "r") as store:
            seen = 0
            while seen < 500:
                store.refresh()
                rows = [row.json() for row in store.scan("rows")]
                # A commit adds ten rows: nobody ever sees a part of one.
                assert len(rows) % 10 == 1, len(rows)
                assert rows == list(range(len(rows)))
                assert len(rows) >= seen
                seen = len(rows)
    """
    readers = [python(reader, path) for _ in range(2)]
    with lakebed.open(path) as store:
        for number in range(50):
            store.append("rows", range(number * 10 + 1, number * 10 + 11))
            store.commit()
    for process in readers:
        finish(process)


def test_the_lock_is_held_from_the_first_change_to_its_commit(path):
    with lakebed.open(path) as first, lakebed.open(path, lock_timeout=0.1) as second:
        first.put(b"first")
        with pytest.raises(lakebed.StoreLocked) as raised:
            second.put(b"second")
        assert isinstance(raised.value, TimeoutError)
        first.commit()
        hash = second.put(b"second")
        # Taking the lock shows what the other one committed.
        assert lakebed.Hash.of(b"first") in second
        second.commit()
        first.refresh()
        assert hash in first


def test_who_holds_the_lock_is_told(path):
    holder = python(
        """
        import sys, lakebed
        store = lakebed.open(sys.argv[1])
        store.put(b"x")
        print("held", flush=True)
        sys.stdin.read()
        store.close()
        """,
        path,
        stdin=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with lakebed.open(path, lock_timeout=0.2) as store, pytest.raises(lakebed.StoreLocked) as raised:
        store.put(b"y")
    assert str(holder.pid) in str(raised.value)
    assert "python" in str(raised.value)
    finish(holder)
    with lakebed.open(path) as store:
        assert lakebed.Hash.of(b"x") in store
        store.put(b"y")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
class TestFork:
    """A child made by fork reads; writing needs a store object of its own."""

    def child(self, work) -> None:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work()
                status = 0
            except BaseException as error:
                sys.stderr.write(f"{error!r}\n")
            finally:
                os._exit(status)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                assert os.waitstatus_to_exitcode(status) == 0
                return
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        pytest.fail("the child hangs")

    def test_the_child_reads(self, store):
        store.append("rows", range(100))
        hash = store.put(b"hello")
        store.commit()
        store.seal()
        store.get(hash)

        def work() -> None:
            assert store.get(hash) == b"hello"
            assert [row.json() for row in store.scan("rows")] == list(range(100))
            assert bytes(store.buffer(hash)) == b"hello"
            assert store.get_many([hash]) == [b"hello"]

        self.child(work)
        assert store.get(store.put(b"more")) == b"more"

    @pytest.mark.parametrize("pending", [False, True])
    def test_the_child_cannot_write_and_does_no_harm(self, store, path, pending):
        kept = store.put(b"kept")
        store.commit()
        if pending:
            store.append("rows", [b"1"])

        def work() -> None:
            for change in (
                lambda: store.put(b"child"),
                lambda: store.append("rows", [b"2"]),
                store.commit,
                lambda: store.delete(kept),
                store.close,
            ):
                try:
                    change()
                except lakebed.LakebedError as error:
                    assert "cannot write in its child" in str(error), error  # noqa: PT017 (pytest is not in the child)
                else:
                    # With nothing pending there is nothing to commit.
                    assert change in (store.commit, store.close), "a forked child wrote"

        self.child(work)
        with lakebed.open(path, lock_timeout=0.05) as other:
            if pending:
                with pytest.raises(lakebed.StoreLocked):
                    other.put(b"other")
            else:
                other.put(b"other")
        store.append("rows", [b"3"])
        store.commit()
        assert [row.data for row in store.scan("rows")] == ([b"1", b"3"] if pending else [b"3"])
        assert store.verify().ok

    def test_the_child_reads_whatever_the_threads_of_the_parent_hold(self, path):
        with lakebed.open(path, segment_bytes=200_000, cache_bytes=1 << 20) as store:
            for k in range(5):
                store.append("rows", [{"n": k * 500 + i, "text": "y" * 100 + str(i * k)} for i in range(500)])
                store.commit()
            hashes = [row.hash for row in store.scan("rows")]
            stop = threading.Event()

            def read() -> None:
                at = 0
                while not stop.is_set():
                    store.get(hashes[at % len(hashes)])
                    at += 37

            def write() -> None:
                k = 0
                while not stop.is_set():
                    store.append("more", [{"k": k, "j": j} for j in range(50)])
                    store.commit()
                    k += 1

            threads = [threading.Thread(target=work) for work in (read, read, write)]
            for thread in threads:
                thread.start()

            def work() -> None:
                for hash in hashes[:50]:
                    store.get(hash)
                assert len(store) >= len(hashes)
                assert store.snapshot.commit >= 5
                assert next(store.scan("rows")).json()["n"] == 0

            try:
                for _ in range(40):
                    self.child(work)
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

    def test_what_was_taken_before_the_fork_is_refused(self, store):
        store.append("rows", range(5))
        hash = store.put(b"hello")
        store.commit()
        snapshot, rows = store.snapshot, store.scan("rows")

        def work() -> None:
            for call in (lambda: snapshot.get(hash), lambda: list(snapshot.scan("rows")), lambda: list(rows)):
                try:
                    call()
                except lakebed.InvalidArgument as error:
                    assert "before this process was forked" in str(error), error  # noqa: PT017
                else:
                    raise AssertionError("read through a snapshot of the parent")

        self.child(work)
        assert [row.json() for row in rows] == list(range(5))
        assert snapshot.get(hash) == b"hello"

    def test_the_child_opens_its_own(self, store, path):
        hash = store.put(b"parent")
        store.commit()

        def work() -> None:
            with lakebed.open(path) as own:
                assert own.get(hash) == b"parent"
                own.put(b"child")

        self.child(work)
        store.refresh()
        assert lakebed.Hash.of(b"child") in store


def interrupt(process: subprocess.Popen[str], after: str = "ready\n") -> float:
    """Sends Ctrl-C once the process said it is ready; the seconds until it ended."""
    assert process.stdout is not None
    assert process.stdout.readline() == after
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.wait(timeout=30)
    return time.monotonic() - began


class TestCtrlC:
    def test_during_an_ingest_what_was_acknowledged_stays(self, path):
        # A file that never ends.
        process = python(
            """
            import sys, lakebed
            class Endless:
                number = 0
                def read(self, size):
                    if self.number == 0:
                        print("ready", flush=True)
                    lines = []
                    for _ in range(2000):
                        self.number += 1
                        lines.append('{"number":%d,"text":"%d"}\\n' % (self.number, self.number * 7919))
                    return "".join(lines).encode()
            store = lakebed.open(sys.argv[1])
            store.append("before", [b"1"])
            store.commit()
            try:
                store.ingest(Endless(), into="rows", train=False)
            except lakebed.Interrupted as error:
                assert isinstance(error, KeyboardInterrupt)
                assert error.exit_code == 130
                print(error)
            else:
                raise SystemExit("not interrupted")
            # The object is as good as before.
            store.append("after", [b"1"])
            store.close()
            """,
            path,
        )
        assert interrupt(process) < 5
        out = finish(process)
        assert "interrupted" in out.lower()
        with lakebed.open(path, "r") as store:
            assert store.verify().ok
            names = [info.name for info in store.collections()]
            assert {"before", "after"} <= set(names)
            if "rows" in names:
                numbers = [row.json()["number"] for row in store.scan("rows")]
                assert numbers == list(range(1, len(numbers) + 1))

    def test_while_waiting_for_standard_input(self, path):
        process = python(
            """
            import sys, lakebed
            with lakebed.open(sys.argv[1]) as store:
                print("ready", flush=True)
                try:
                    store.ingest("-", into="rows")
                except KeyboardInterrupt:
                    print("stopped")
            """,
            path,
            stdin=subprocess.PIPE,
        )
        assert interrupt(process) < 3
        assert process.stdout is not None
        assert process.stdout.read() == "stopped\n"
        process.communicate()

    def test_while_waiting_for_the_lock(self, path):
        with lakebed.open(path) as store:
            store.put(b"held")
            process = python(
                """
                import sys, lakebed
                store = lakebed.open(sys.argv[1], lock_timeout=60)
                print("ready", flush=True)
                try:
                    store.put(b"x")
                except KeyboardInterrupt:
                    print("stopped")
                store.close()
                """,
                path,
            )
            assert interrupt(process) < 3
            assert finish(process) == "stopped\n"

    def test_during_an_append_from_a_generator(self, path):
        process = python(
            """
            import itertools, sys, lakebed
            with lakebed.open(sys.argv[1]) as store:
                print("ready", flush=True)
                try:
                    store.append("rows", itertools.count())
                except KeyboardInterrupt:
                    print("stopped")
                store.append("rows", [b"1"])
                assert [row.data for row in store.scan("rows")] == [b"1"]
            """,
            path,
        )
        assert interrupt(process) < 5
        assert finish(process) == "stopped\n"

    def test_during_a_training_nothing_is_installed(self, path, tmp_path):
        file = tmp_path / "words.ndjson"
        with file.open("w") as out:
            for number in range(150_000):
                word = number * 2654435761 % 2**32
                out.write(
                    f'{{"id":{number},"kind":"event","text":"{word} and {word // 7} and {word // 1000}","actor":"user-{number % 97}"}}\n'
                )
        process = python(
            """
            import sys, lakebed
            with lakebed.open(sys.argv[1]) as store:
                store.ingest(sys.argv[2], into="rows", train=False)
                print("ready", flush=True)
                try:
                    store.train("rows", size=1 << 20)
                except lakebed.Interrupted:
                    print("stopped", len(store.dictionaries()))
                store.append("rows", [b"1"])
            """,
            path,
            file,
        )
        # Training goes on for seconds, and zstd knows no way to stop it.
        assert interrupt(process) < 2.5
        assert finish(process) == "stopped 0\n"
        with lakebed.open(path, "r") as store:
            assert store.verify().ok

    def test_another_signals_exception_comes_through(self, path):
        process = python(
            """
            import itertools, signal, sys, lakebed
            class Timer(Exception): pass
            def stop(number, frame): raise Timer
            signal.signal(signal.SIGALRM, stop)
            with lakebed.open(sys.argv[1]) as store:
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                try:
                    store.append("rows", itertools.count())
                except Timer:
                    print("timer")
            """,
            path,
        )
        assert finish(process) == "timer\n"
