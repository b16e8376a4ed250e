#!/bin/sh
# Once, on the empty primary: lets a standby follow it, and has every commit wait for it.
# Without a standby commits wait for ever; `alter system reset synchronous_standby_names`
# gives that up.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(cat "$REPLICATION_PASSWORD_FILE")" --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-postgres}" <<'SQL'
create role replication login replication password :'password';
select pg_create_physical_replication_slot('standby');
alter system set synchronous_standby_names = 'ANY 1 (standby)';
SQL
echo "host replication replication all scram-sha-256" >>"$PGDATA/pg_hba.conf"
psql --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-postgres}" --command "select pg_reload_conf()" >/dev/null
