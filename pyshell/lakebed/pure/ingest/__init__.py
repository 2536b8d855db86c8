"""Ingesting: inputs, compression, lines, and what becomes of them.

From the bottom up: `messages`, `names`, `readers` (bytes of inputs), `compression`, `layout` and `splitter` (values
that are not one a line), `inputs`, `chunks` (content in whole lines), `lines` (good ones and bad ones), `quarantine`,
`starting_point` (what was ingested before), `report`, `run`, `methods`.
"""
