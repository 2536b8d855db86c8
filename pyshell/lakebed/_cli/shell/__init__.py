"""The query shell: `lakebed` without a verb.

From bottom to top:

- `history`, `saved_queries`: files of the user.
- `context`, `session`: the state of one shell. `screen`, `progress_line`, `pager`, `display`: how results are shown.
- `dot_commands`, `statements`: what a text means. `highlight`, `completion`, `line_editor`: typing it;
  `completion_catalog` is read in the background.
- `sql`, `execute`: running statements. `verbs`: the verbs that only the shell has. `loop`: reading and running, until
  the user leaves.

Only `line_editor` imports prompt-toolkit.
"""
