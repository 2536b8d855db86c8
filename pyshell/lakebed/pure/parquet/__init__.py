"""A small writer of Parquet files, as parts are: docs/format.md, "Columns (layout 2)".

From the bottom up: `thrift` (the notation of headers and the footer), `encode` (levels and values of a page),
`statistics` (least and greatest values), `schema` (types of columns as Parquet has them), `chunk` (the pages of a leaf
in a row group) and `file` (row groups, indexes of pages, the footer).
"""
