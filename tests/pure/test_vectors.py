"""The test vectors: decoded by the implementation in Python, as docs/format.md promises; engine/format decodes the same
files in its own tests."""

import re
from pathlib import Path

import pytest

from lakebed.pure.format.coding import Malformed
from tests.pure.vectors import DIRECTORY, text, vectors

ROOT = Path(__file__).parents[2]
VECTORS = vectors()


def parsed(name):
    """The lines of fields, and the bytes."""
    head, data = (DIRECTORY / f"{name}.txt").read_text().split("\nhex\n")
    fields = [line for line in head.splitlines() if not line.startswith(("#", "given "))]
    return fields, bytes.fromhex(data.replace("\n", ""))


def test_every_file_is_decoded_in_both_implementations_and_named_on_the_page():
    files = {file.stem for file in DIRECTORY.glob("*")}
    page = re.findall(r"\(\.\./tests/vectors/([\w-]+)\.txt\)", (ROOT / "docs/format.md").read_text())
    tests = "engine/format/src/tests/vectors"
    sources = (f"{tests}.rs", f"{tests}/fingerprints.rs", "engine/core/src/segment/columns/table.rs")
    rust = re.findall(r'vector!\("([\w-]+)"\)', "".join((ROOT / source).read_text() for source in sources))
    assert files == VECTORS.keys() == set(page) == set(rust)


@pytest.mark.parametrize("name", VECTORS)
def test_the_bytes_decode_to_the_fields_and_the_fields_encode_to_the_bytes(name):
    fields, data = parsed(name)
    found = text(VECTORS[name]._replace(data=data))
    assert fields == [line for line in found.split("\nhex\n")[0].splitlines() if not line.startswith(("#", "given "))]
    assert text(VECTORS[name]) == (DIRECTORY / f"{name}.txt").read_text(), "python -m tests.pure.vectors writes them"


WITHOUT_CHECKSUM = {"lock", "catalogue-records", "fingerprint-table", "footer-sections", "run-bucket", "part-list"}


@pytest.mark.parametrize("name", sorted(VECTORS.keys() - WITHOUT_CHECKSUM))
def test_a_changed_byte_is_noticed(name):
    _, data = parsed(name)
    changed = bytearray(data)
    changed[20] ^= 1
    with pytest.raises((Malformed, AssertionError)):
        list(VECTORS[name].decode(bytes(changed)))
