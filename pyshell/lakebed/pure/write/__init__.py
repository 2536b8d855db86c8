"""Writing: the lock, recovery, the group of a commit, seals, manifests, removal, compaction."""
