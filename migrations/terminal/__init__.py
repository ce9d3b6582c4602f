"""The schemas of a terminal's two SQLite files, as sqlite-utils migrations: the journal, and the catalogue replica."""
