#!/bin/sh
# Copies the database and the files every day; `sh backup.sh once` does it once and ends.
# Needs PGHOST, PGUSER, PGPASSWORD, PGDATABASE, BACKUP_FOLDER, and ARTIFACTS_FOLDER where files are
# kept in a folder. Restore with restore.sh.
set -eu

copy() {
    name="$BACKUP_FOLDER/$(date -u +%Y-%m-%dT%H%M%SZ)"
    # The database first: files it names were written before, and files are never changed.
    pg_dump --format=custom --file="$name.dump.part"
    if [ -d "${ARTIFACTS_FOLDER:-}" ]; then
        # A file that is deleted meanwhile is no error (1: some files changed).
        tar -C "$ARTIFACTS_FOLDER" -cf "$name.tar.part" . || [ $? -eq 1 ]
        mv "$name.tar.part" "$name.tar"
    fi
    # The last to get its name: a backup with a dump is whole.
    mv "$name.dump.part" "$name.dump"
    find "$BACKUP_FOLDER" -type f -mtime +"${BACKUP_DAYS:-14}" -delete
    echo "backed up to $name.dump"
}

copy
while [ "${1:-}" != once ]; do
    sleep 86400
    # One that failed is tried again the next day; it says so in the log.
    copy || echo "the backup failed" >&2
done
