#!/bin/bash
# What docker-compose.yml uses of the official image's start: a user who is not root, a new cluster with POSTGRES_INITDB_ARGS, the password
# of POSTGRES_PASSWORD_FILE and the database POSTGRES_DB; passwords for whoever comes over the network.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  # Never a cluster that was only begun.
  draft="$(dirname "$PGDATA")/.draft"
  rm -rf "$draft"
  # shellcheck disable=SC2086
  initdb -D "$draft" -U postgres --auth-local=trust --auth-host=scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
  echo 'host all all all scram-sha-256' >> "$draft/pg_hba.conf"
  echo "listen_addresses = '*'" >> "$draft/postgresql.conf"
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$draft" postgres
  mv -T "$draft" "$PGDATA"
fi
exec "$@"
