#!/bin/sh
# Brings back a backup: sh restore.sh /backups/2026-11-21T031500Z.dump
# Stop the web processes and workers first. Needs the variables of backup.sh. Replaces the database;
# adds the files of the backup to those that are there.
set -eu

dump=$1
files="${dump%.dump}.tar"
if [ ! -f "$dump" ]; then
    echo "there is no backup $dump" >&2
    exit 2
fi
pg_restore --clean --if-exists --no-owner --single-transaction --dbname="$PGDATABASE" "$dump"
if [ -f "$files" ]; then
    mkdir -p "$ARTIFACTS_FOLDER"
    tar -C "$ARTIFACTS_FOLDER" -xf "$files"
fi
echo "restored $dump; start the web processes and workers again"
