"""The tree of errors: kinds, builtins, exit codes, pickling; and that the engine raises nothing else."""

import copy
import errno
import pickle

import pytest

import lakebed
from lakebed import errors

TABLE = {
    "store_not_found": (lakebed.StoreNotFound, FileNotFoundError, 5),
    "collection_not_found": (lakebed.CollectionNotFound, KeyError, 5),
    "blob_not_found": (lakebed.BlobNotFound, KeyError, 5),
    "ambiguous_prefix": (lakebed.AmbiguousPrefix, ValueError, 2),
    "invalid_argument": (lakebed.InvalidArgument, ValueError, 2),
    "bad_record": (lakebed.BadRecord, ValueError, 1),
    "source_changed": (lakebed.SourceChanged, ValueError, 1),
    "read_only": (lakebed.ReadOnly, PermissionError, 2),
    "closed": (lakebed.Closed, ValueError, 2),
    "store_locked": (lakebed.StoreLocked, TimeoutError, 4),
    "not_a_store": (lakebed.NotAStore, ValueError, 6),
    "format_too_new": (lakebed.FormatTooNew, ValueError, 6),
    "corrupt": (lakebed.Corrupt, ValueError, 6),
    "poisoned": (lakebed.Poisoned, RuntimeError, 6),
    "store_full": (lakebed.StoreFull, OSError, 7),
    "io": (lakebed.StoreIOError, OSError, 7),
    "internal": (lakebed.InternalError, RuntimeError, 70),
    "interrupted": (lakebed.Interrupted, KeyboardInterrupt, 130),
}
OF_PROMPTS = {
    "ollama": (lakebed.OllamaError, Exception, 1),
    "ollama_unreachable": (lakebed.OllamaUnreachable, ConnectionError, 3),
    "ollama_busy": (lakebed.OllamaBusy, ConnectionError, 3),
    "ollama_stalled": (lakebed.OllamaStalled, TimeoutError, 3),
    "not_ollama": (lakebed.NotOllama, ValueError, 3),
    "model_missing": (lakebed.ModelMissing, KeyError, 5),
    "cloud_refused": (lakebed.CloudRefused, PermissionError, 2),
    "ollama_refused": (lakebed.OllamaRefused, ValueError, 1),
    "format_refused": (lakebed.FormatRefused, ValueError, 2),
    "prompt_too_long": (lakebed.PromptTooLong, ValueError, 1),
    "ollama_failed": (lakebed.OllamaFailed, RuntimeError, 1),
    "reply_cut": (lakebed.ReplyCut, EOFError, 1),
    "reply_garbled": (lakebed.ReplyGarbled, ValueError, 1),
    "reply_too_large": (lakebed.ReplyTooLarge, ValueError, 1),
    "reply_timeout": (lakebed.ReplyTimeout, TimeoutError, 1),
    "thinking_cut": (lakebed.ThinkingCut, ValueError, 1),
    "reply_empty": (lakebed.ReplyEmpty, ValueError, 1),
    "reply_invalid": (lakebed.ReplyInvalid, ValueError, 1),
}
OF_PYTHON = {
    "backend_missing": (lakebed.BackendMissing, ImportError, 2),
    "package_missing": (lakebed.PackageMissing, ImportError, 2),
}
TABLE |= OF_PROMPTS
TABLE |= OF_PYTHON


def test_the_engine_and_python_know_the_same_kinds(backend):
    assert set(backend.error_kinds()) | {"error", *OF_PYTHON, *OF_PROMPTS} == set(errors.BY_KIND)
    assert set(errors.BY_KIND) - {"error"} == set(TABLE)


@pytest.mark.parametrize(("kind", "row"), TABLE.items())
def test_each_kind_has_its_class_builtin_and_exit_code(kind, row):
    cls, builtin, exit_code = row
    raised = errors.error(kind, "What happened.")
    assert type(raised) is cls
    assert isinstance(raised, builtin)
    assert (raised.kind, raised.exit_code) == (kind, exit_code)
    assert str(raised) == raised.message == "What happened."
    assert repr(raised) == f"{cls.__name__}('What happened.')"
    assert cls.__module__ == "lakebed"
    assert getattr(lakebed, cls.__name__) is cls


def test_ctrl_c_passes_through_except_exception():
    assert not issubclass(lakebed.Interrupted, Exception)
    for cls, _, _ in TABLE.values():
        assert cls is lakebed.Interrupted or issubclass(cls, lakebed.LakebedError)


@pytest.mark.parametrize("kind", [*TABLE, "error"])
def test_errors_survive_pickle_and_copy(kind):
    raised = errors.error(kind, "What happened.")
    raised.add_note("a note")
    for same in (pickle.loads(pickle.dumps(raised)), copy.copy(raised)):
        assert type(same) is type(raised)
        assert str(same) == "What happened."
        assert same.__notes__ == ["a note"]
        assert getattr(same, "errno", None) == getattr(raised, "errno", None)


@pytest.mark.parametrize(
    ("number", "builtin"),
    [
        (errno.EACCES, PermissionError),
        (errno.EPERM, PermissionError),
        (errno.ENOENT, FileNotFoundError),
        (errno.EISDIR, IsADirectoryError),
        (errno.ENODEV, OSError),
    ],
)
def test_an_operating_system_error_is_the_builtin_of_its_number(number, builtin):
    raised = errors.error("io", "Writing failed.", number)
    assert isinstance(raised, lakebed.StoreIOError)
    assert isinstance(raised, builtin)
    assert raised.errno == number
    assert str(raised) == "Writing failed."
    assert pickle.loads(pickle.dumps(raised)).errno == number


def test_an_unknown_kind_is_still_a_lakebed_error():
    assert type(errors.error("of_a_newer_engine", "What happened.")) is lakebed.LakebedError


def test_numbers_outside_their_domain_are_named(path):
    for setting in ("cache_bytes", "segment_bytes", "page_bytes", "threads"):
        for number in (-1, 2**70):
            with pytest.raises(lakebed.InvalidArgument, match=f"{setting} is .*not {number}"):
                lakebed.open(path, **{setting: number})  # type: ignore[arg-type]
    with pytest.raises(lakebed.InvalidArgument, match="threads is from 1 to 1,024, or 0 for all cores, not 1025"):
        lakebed.open(path, threads=1025)
    with lakebed.open(path) as store:
        store.append("events", [{}])
        for number in (-1, 2**70):
            for call in (
                lambda number=number: store.trim("events", before_seq=number),
                lambda number=number: store.train("events", number),
                lambda number=number: store.scan("events", number),
                lambda number=number: store.arrow("events", stop=number),
            ):
                with pytest.raises(lakebed.InvalidArgument, match=f"not {number}"):
                    call()


def test_what_is_no_path_and_no_hash_is_named(path, tmp_path):
    with pytest.raises(lakebed.InvalidArgument, match="path of a store is empty"):
        lakebed.open("")
    with lakebed.open(path) as store:
        hash = store.put(b"x")
        with pytest.raises(TypeError, match="several hashes"):
            store.get_many(str(hash))
        store.append("events", [{}])
        with pytest.raises(TypeError, match="a path or a file object, not int"):
            store.export("events", 5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="binary mode"), (tmp_path / "out").open("w") as text:
            store.export("events", text)
        with pytest.raises(TypeError, match="a path or a file object, not bytes"):
            store.ingest(b"events.ndjson", into="events")  # type: ignore[arg-type]
