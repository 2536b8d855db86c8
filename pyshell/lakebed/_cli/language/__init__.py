"""The language of the shell and of `lakebed query`: SQL, verbs, dot-commands and pipes. Text in, statements out."""
