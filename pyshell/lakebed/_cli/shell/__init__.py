"""The query shell: `lakebed`.

- `statements`: what a text says, and whether it is finished; pure.
- `session`: the state of one shell; runs statements, one after the other, in the main thread.
- `answers`, `pager`, `progress`: results on the screen, in the pager, in a file or a program.
- `control`: the verbs that only the shell has; `dots`: DuckDB's dot-commands as verbs.
- `history`, `queries`: what was typed, and what was kept, in the user's own directories.
- `highlight`, `suggest`: pure; `catalogue`: what completion knows, immutable, made anew in the background.
- `prompt`: the only module that imports prompt-toolkit. `run`: the loop.
"""
