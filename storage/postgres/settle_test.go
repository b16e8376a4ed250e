package postgres

import (
	"testing"
	"time"

	"sealpost/storage/postgres/pgtest"
)

// A server that sends to a node which is gone gives up when the node would have, and its
// transaction's locks with that; who says another time in the connection string has it.
func TestServerGivesUpSending(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	for said, want := range map[string]string{"": "25000", "7s": "7000"} {
		config := parse(t, database.URL)
		if said != "" {
			config.ConnConfig.RuntimeParams["tcp_user_timeout"] = said
		}
		d := openWith(t, config, Options{Connections: 2, Patience: 30 * time.Second})
		var source, got string
		// It is zero on a socket of UNIX, by which the tests come; what it is set to stands all the same.
		err := d.pool.QueryRow(t.Context(), "select source, reset_val from pg_settings where name = 'tcp_user_timeout'").Scan(&source, &got)
		if err != nil || source != "client" || got != want {
			t.Errorf("with %q: %s, by %s, %v", said, got, source, err)
		}
		d.Close()
	}
}
