"""Reading collections and system tables as typed columns.

From the bottom up: `filters` (comparisons with constants), `typed_schema` (the columns of a collection, and how often
they have values), `rows` (batches of rows), `system` (tables about the store), `methods` (what a snapshot offers).
"""
