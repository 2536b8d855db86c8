"""Damage found by the engine in Python: what is not damaged stays readable."""

import pytest

import lakebed
from lakebed import _backend
from tests.pure.twins import opened

PYTHON = next(one for one in _backend.installed() if one.name == "python")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_other_segments_are_searched_beside_a_damaged_one(tmp_path, number):
    path = tmp_path / "test.lakebed"
    hashes = []
    with opened(PYTHON, path) as store:
        for part in range(3):
            hashes.append(store.put(b"blob %d" % part))
            store.commit()
            if part < 2:
                store.seal()
    file = path / "segments" / f"{number:012}.seg"
    data = bytearray(file.read_bytes())
    # Everything behind the header: frames, index blocks, COMMIT but for its last bytes.
    data[70:-96] = bytes(len(data) - 166)
    file.write_bytes(data)
    with opened(PYTHON, path, "r") as store:
        for part, hash in enumerate(hashes, 1):
            if part == number:
                with pytest.raises(lakebed.Corrupt):
                    store.get(hash)
            else:
                assert store.get(hash) == b"blob %d" % (part - 1)
        assert store.verify().problems
