package postgres

import (
	"strings"
	"testing"

	"sealpost/storage/postgres/pgtest"
)

// TestExamine: a database tells how it is, and is as before.
func TestExamine(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	empty, err := Examine(t.Context(), c.URL("postgres"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if empty.Number < 150000 || empty.Encoding != "UTF8" || empty.ReadOnly || empty.Standby || len(empty.Lossy) > 0 || empty.Done != 0 || empty.Known == 0 {
		t.Errorf("an empty database: %+v", empty)
	}
	if again, err := Examine(t.Context(), c.URL("postgres"), Options{}); err != nil || again.Done != 0 {
		t.Errorf("looking made tables: %+v, %v", again, err)
	}
	d, err := Open(t.Context(), c.URL("postgres"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	for _, change := range []string{"alter system set full_page_writes = off", "alter system set synchronous_standby_names = 'one'", "select pg_reload_conf()", "select pg_sleep(0.2)"} {
		if err := c.Do(t.Context(), "postgres", change); err != nil {
			t.Fatal(err)
		}
	}
	full, err := Examine(t.Context(), c.URL("postgres"), Options{})
	if err != nil || full.Done != full.Known || full.Oldest == 0 || strings.Join(full.Lossy, " ") != "full_page_writes" || !full.Standby {
		t.Errorf("a database in use: %+v, %v", full, err)
	}
	for _, wrong := range []string{"host=" + t.TempDir(), "host=\x00 password=hunter2", "postgres://u:hunter2@127.0.0.1:1/x"} {
		if _, err := Examine(t.Context(), wrong, Options{}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}
