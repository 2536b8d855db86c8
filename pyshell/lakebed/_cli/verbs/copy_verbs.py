"""The verbs that copy a store."""

from __future__ import annotations

from lakebed._cli.verbs.verb import Argument, Verb

COPY_VERBS: tuple[Verb, ...] = (
    Verb(
        "backup",
        "Add a backup to the backups in a directory, while others write.",
        "commands.copies:backup",
        (
            Argument(
                "places",
                "the store (default: that of --store), and the directory for its backups",
                "file",
                many=True,
                metavar="[STORE] DEST",
                completes="file",
            ),
            Argument(
                "keep",
                "keep so many backups, and remove older ones once the new one is complete and verified",
                "integer",
                ("--keep",),
                metavar="N",
            ),
        ),
        "Each backup is a directory named by its time. It opens like a store, for reading. What the backup before has is linked, the "
        "rest is copied and verified. A backup that was interrupted is never taken for a whole one; the next one goes on with it.",
        ("lakebed backup /backups/data --keep 7", "lakebed backup data.lakebed /backups/data"),
    ),
    Verb(
        "restore",
        "Make a store of a backup.",
        "commands.copies:restore",
        (
            Argument(
                "places",
                "a backup, or a directory with backups: its newest; and the new store (default: that of --store)",
                "file",
                many=True,
                metavar="BACKUP [STORE]",
                completes="file",
            ),
        ),
        "The new store has its own uuid. It replaces nothing: there may be no store at its path.",
        ("lakebed restore /backups/data restored.lakebed",),
        in_shell=False,
    ),
    Verb(
        "copy",
        "Add the rows of a store to another store.",
        "commands.copies:copy",
        (
            Argument(
                "places",
                "the store to read, the store that gets the rows, and collections (default: all, and the blobs of put)",
                "file",
                many=True,
                metavar="STORE OTHER [COLLECTION...]",
                completes="file",
            ),
        ),
        "Rows keep their file, line and time of ingest. A copy that was interrupted goes on, and one that is repeated adds the rows that "
        "came since.",
        ("lakebed copy laptop.lakebed server.lakebed", "lakebed copy a.lakebed b.lakebed events"),
        in_shell=False,
    ),
)
