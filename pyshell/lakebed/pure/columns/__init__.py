"""Segments of columns: the parts, which are Parquet files, and records rebuilt from them.

From the bottom up: `encodings` (values and levels in a page), `pages` (a page of a leaf, row by row), `spell` (values
as they are written), `shapes` (templates of records) and `part` (the records of a part).
"""
