"""put, get, get_many, buffer, in, len, delete."""

import array
import gc
import mmap
import weakref

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lakebed

ABSENT = lakebed.Hash.of(b"absent")


def test_what_was_put_is_got_by_every_name(store):
    hash = store.put(b"hello")
    assert isinstance(hash, lakebed.Hash)
    assert hash == lakebed.Hash.of(b"hello")
    for name in (hash, bytes(hash), str(hash), str(hash).upper(), str(hash)[:10]):
        assert store.get(name) == b"hello"
        assert name in store
        assert bytes(store.buffer(name)) == b"hello"
    store.commit()
    for name in (hash, bytes(hash), str(hash), str(hash)[:10]):
        assert store.get(name) == b"hello"


def test_a_blob_over_the_limit_is_refused_before_it_is_copied(store, tmp_path):
    with (tmp_path / "holes").open("w+b") as file:
        file.truncate(1 << 32)
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
            pytest.raises(lakebed.InvalidArgument) as raised,
        ):
            store.put(data)
    assert "4294967296 bytes is larger than the 4294967295 bytes" in str(raised.value)
    assert len(store) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_any_bytes_come_back_from_a_new_object(path, blobs):
    with lakebed.open(path) as store:
        hashes = [store.put(blob) for blob in blobs]
    with lakebed.open(path, "r") as store:
        assert [store.get(hash) for hash in hashes] == blobs
        assert store.get_many(hashes) == blobs


def test_equal_bytes_are_one_blob(store):
    assert store.put(b"twice") == store.put(b"twice")
    assert len(store) == 1
    store.commit()
    store.put(b"twice")
    assert len(store) == 1


def test_the_empty_blob(store):
    hash = store.put(b"")
    assert store.get(hash) == b""
    store.commit()
    assert store.get(hash) == b""
    assert bytes(store.buffer(hash)) == b""
    assert memoryview(store.buffer(hash)).nbytes == 0


@pytest.mark.parametrize(
    "data",
    [
        bytearray(b"some bytes"),
        memoryview(b"some bytes"),
        memoryview(b"sxoxmxex xbxyxtxexsx")[::2],
        array.array("B", b"some bytes"),
    ],
)
def test_everything_with_the_buffer_protocol_is_taken(store, data):
    assert store.get(store.put(data)) == b"some bytes"


def test_wide_items_are_taken_as_bytes(store):
    numbers = array.array("i", [1, 2, 3])
    assert store.get(store.put(numbers)) == numbers.tobytes()


def test_changing_a_buffer_afterwards_changes_nothing(store):
    data = bytearray(b"before")
    hash = store.put(data)
    data[:] = b"after!"
    assert store.get(hash) == b"before"


def test_a_map_is_taken_and_let_go(store):
    with mmap.mmap(-1, 4096) as data:
        data[:5] = b"hello"
        hash = store.put(data)
    assert store.get(hash)[:5] == b"hello"


@pytest.mark.parametrize("data", ["text", 5, None, ["a"], object()])
def test_what_has_no_bytes_is_a_type_error(store, data):
    with pytest.raises(TypeError, match="a blob is bytes"):
        store.put(data)


def test_an_absent_blob(store):
    store.put(b"something else")
    assert ABSENT not in store
    assert str(ABSENT)[:12] not in store
    for call in (store.get, store.buffer, store.delete):
        for name in (ABSENT, bytes(ABSENT), str(ABSENT), str(ABSENT)[:12]):
            with pytest.raises(lakebed.BlobNotFound) as raised:
                call(name)
            assert str(ABSENT)[:12] in str(raised.value)
            with pytest.raises(KeyError):
                call(name)


def test_get_many_keeps_the_order_and_says_what_is_missing(store):
    a, b = store.put(b"a"), store.put(b"b")
    store.commit()
    c = store.put(b"c")
    assert store.get_many([b, ABSENT, a, str(c), b]) == [b"b", None, b"a", b"c", b"b"]
    assert store.get_many(iter([a])) == [b"a"]
    assert store.get_many([]) == []


@pytest.mark.parametrize("call", ["get", "buffer", "delete", "__contains__"])
@pytest.mark.parametrize("name", ["xyz!", b"short", "é" * 32])
def test_what_names_no_blob_is_refused(store, call, name):
    with pytest.raises(lakebed.InvalidArgument):
        getattr(store, call)(name)


@pytest.mark.parametrize("call", ["get", "buffer", "delete", "__contains__"])
def test_what_is_no_name_is_a_type_error(store, call):
    with pytest.raises(TypeError, match="hex text, not int"):
        getattr(store, call)(7)


def test_a_prefix_that_several_share_is_ambiguous(store):
    by_digit: dict[str, list[lakebed.Hash]] = {}
    for number in range(17):
        hash = store.put(str(number).encode())
        by_digit.setdefault(str(hash)[0], []).append(hash)
    digit = next(digit for digit, hashes in by_digit.items() if len(hashes) > 1)
    with pytest.raises(lakebed.AmbiguousPrefix, match=digit):
        store.get(digit)
    store.commit()
    with pytest.raises(lakebed.AmbiguousPrefix):
        store.get(digit)


def test_deleting(store):
    store.append("rows", [b"1", b"2", b"1"])
    one = lakebed.Hash.of(b"1")
    assert store.delete(one) == 2
    assert one not in store
    assert [row.data for row in store.scan("rows")] == [b"2"]
    assert len(store) == 1
    store.commit()
    assert one not in store
    # A new blob with the bytes of a dead one is a new blob.
    assert store.put(b"1") == one
    assert store.get(one) == b"1"
    assert [row.data for row in store.scan("rows")] == [b"2"]


def test_an_empty_store_is_true(store):
    assert len(store) == 0
    assert store


def test_large_blobs(store, path):
    data = bytes(range(256)) * 80_000
    hash = store.put(data)
    assert store.get(hash) == data
    store.commit()
    assert store.get(hash) == data
    with lakebed.open(path, "r") as other:
        assert other.get(hash) == data


class TestBuffer:
    def test_it_is_read_only(self, store):
        buffer = store.buffer(store.put(b"hello"))
        view = memoryview(buffer)
        assert view.readonly
        assert view.tobytes() == b"hello"
        assert len(buffer) == 5
        with pytest.raises(TypeError):
            view[0] = 1
        assert "5 bytes" in repr(buffer)

    def test_raw_blobs_of_sealed_segments_are_not_copied(self, store, random_bytes):
        hash = store.put(random_bytes)
        store.commit()
        store.seal()
        buffer = store.buffer(hash)
        assert buffer.mapped
        assert bytes(buffer) == random_bytes

    def test_it_outlives_the_store_object(self, path, random_bytes):
        with lakebed.open(path) as store:
            raw, packed = store.put(random_bytes), store.put(b"a" * 10_000)
            store.commit()
            store.seal()
            views = [memoryview(store.buffer(raw)), memoryview(store.buffer(packed))]
        alive = weakref.ref(store)
        del store
        gc.collect()
        assert alive() is None
        assert views[0] == random_bytes
        assert views[1] == b"a" * 10_000

    def test_it_needs_no_name_of_its_own(self, store):
        view = memoryview(store.buffer(store.put(b"hello")))
        gc.collect()
        assert view == b"hello"  # type: ignore[comparison-overlap]


@pytest.fixture
def random_bytes() -> bytes:
    """Bytes that do not shrink."""
    import random

    return random.Random(1).randbytes(200_000)


def test_the_bytes_of_a_large_blob_count_once(store):
    store.put(b"small")
    store.put(bytes((16 << 20) + 1))
    store.commit()
    before = store.stats().raw_bytes
    assert before == (16 << 20) + 6
    store.seal()
    assert store.stats().raw_bytes == before
    assert sum(segment.raw_bytes for segment in store.segments()) == before
