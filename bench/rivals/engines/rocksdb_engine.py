"""RocksDB: zstd blocks of 16 KiB with a dictionary of 64 KiB, bloom filters of 10 bits, compacted fully after
loading."""

from __future__ import annotations

from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    Cache,
    CompactOptions,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from bench.rivals.engines.pairs import batches


def options(cache: int) -> Options:
    """The options, with `cache` bytes of block cache."""
    table = BlockBasedOptions()
    table.set_block_size(16 << 10)
    table.set_bloom_filter(10, False)
    if cache:
        table.set_block_cache(Cache(cache))
    else:
        table.disable_cache()
    found = Options(raw_mode=True)
    found.create_if_missing(True)
    found.set_block_based_table_factory(table)
    found.set_compression_type(DBCompressionType.zstd())
    found.set_compression_options(-14, 3, 0, 64 << 10)
    found.set_zstd_max_train_bytes(100 * (64 << 10))
    # Otherwise level 0 may stay uncompressed.
    found.set_bottommost_compression_type(DBCompressionType.zstd())
    found.set_bottommost_compression_options(-14, 3, 0, 64 << 10, True)
    found.set_bottommost_zstd_max_train_bytes(100 * (64 << 10), True)
    found.set_max_background_jobs(2)
    return found


class Reader:
    def __init__(self, store: Path, cache: int) -> None:
        # On reopening, the options apply only when the column family is named too.
        opts = options(cache)
        self.db = Rdict(str(store), opts, column_families={"default": opts})
        self.key = bytes
        self.get = self.db.get

    def scan(self) -> int:
        return sum(len(value) for value in self.db.values())

    def close(self) -> None:
        self.db.close()


class Engine:
    def ingest(self, source: Path, store: Path) -> None:
        db = Rdict(str(store), options(512 << 20))
        for pairs in batches(source, 2_000):
            batch = WriteBatch(raw_mode=True)
            for key, value in pairs:
                batch.put(key, value)
            db.write(batch, WriteOptions())
        db.flush()
        db.compact_range(None, None, CompactOptions())
        db.close()

    def open(self, store: Path, cache: int) -> Reader:
        return Reader(store, cache)
