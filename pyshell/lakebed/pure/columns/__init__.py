"""Segments of columns: the parts, which are Parquet files, and records rebuilt from them.

From the bottom up, for reading: `encodings` (values and levels in a page), `pages` (a page of a leaf, row by row),
`spell` (values as they are written), `shapes` (templates of records), `part` (the records of a part) and `segment`. For
writing: `leaves` (the scalars of records), `styles` (spellers by trial), `walk` (a record's template and `_fix`),
`shaper` (its shape), `shred` (typed values with their levels), `origin` (what columns hold) and `write` (a part).
"""
