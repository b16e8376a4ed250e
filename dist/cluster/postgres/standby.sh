#!/bin/sh
# Follows the primary: copies it once, then takes its log as it is written. What is given is
# passed on to postgres.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	PGPASSWORD=$(cat "$REPLICATION_PASSWORD_FILE")
	export PGPASSWORD
	until pg_basebackup --pgdata "$PGDATA" --write-recovery-conf --wal-method stream --slot standby --checkpoint fast \
		--dbname "host=$PRIMARY port=${PRIMARY_PORT:-5432} user=replication application_name=standby"; do
		sleep 2
	done
	unset PGPASSWORD
	chmod 700 "$PGDATA"
fi
exec postgres "$@"
