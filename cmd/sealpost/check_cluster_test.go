package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealpost/config"
	"sealpost/storage/nats/natstest"
	"sealpost/storage/postgres"
)

// TestCheckCluster: what nodes share is tried, and of what does not work it is said what.
func TestCheckCluster(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	s := x.newNode(t, nil)
	whole := string(read(t, s.config))
	config := "--config=" + s.config

	bus := natstest.Start(t, nil)
	with := func(old, new string) {
		t.Helper()
		if !strings.Contains(whole, old) {
			t.Fatalf("no %q in the settings", old)
		}
		s.write(t, "sealpost.toml", []byte(strings.Replace(whole, old, new, 1)))
	}
	with("[cluster]\n", "[cluster]\nnats = [\""+bus.URL()+"\"]\n")
	said := must(t, "check", config)
	for _, want := range []string{"is well: ", "What nodes share", "✓ bucket east", "✓ bucket west", "✓ NATS", "! database", "→ synchronous_standby_names"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
	if _, err := os.Stat(filepath.Join(s.settings.Data, clusterMark)); err == nil {
		t.Error("a check makes the folder a node's")
	}
	for _, c := range []struct{ old, new, want string }{
		{`bucket = "east"`, `bucket = "nowhere"`, "✗ bucket east"},
		{`key_file = "s3.key"`, `key_file = "none.key"`, "key_file: "},
		{x.database.URL, "host=" + t.TempDir() + " dbname=nowhere", "✗ database"},
	} {
		with(c.old, c.new)
		got := do(t, "", "check", config)
		if got.code != exitFailed || !strings.Contains(got.out, c.want) {
			t.Errorf("with %s: exit %d, %s", c.new, got.code, got.out)
		}
		must(t, "check", "--local", config)
	}
	with("[cluster]\n", "[cluster]\nnats = [\"nats://127.0.0.1:1\"]\n")
	if said := must(t, "check", config); !strings.Contains(said, "! NATS") { // hints alone: it works without
		t.Errorf("with no NATS:\n%s", said)
	}
	with("[cluster]\n", "[cluster]\nnats_ca_file = \"none.pem\"\nnats = [\""+bus.URL()+"\"]\n")
	if said := must(t, "check", config); !strings.Contains(said, "! NATS") || !strings.Contains(said, "none.pem") { // its files are read
		t.Errorf("with no file of the authority:\n%s", said)
	}
	with("[queue]", "[queue]\nmode = \"strict\"")
	fails(t, exitFailed, []string{"queue.mode: strict"}, "check", "--local", config)
}

// The mark of a node's folder is written once: whatever opens the folder would else wait for the disk.
func TestMarkIsWrittenOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := os.MkdirAll(s.settings.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	s.settings.S3.Endpoints = map[string]config.Endpoint{"east": {}}
	var marks [2]os.FileInfo
	for i := range marks {
		err := clustered(s.settings)
		if err == nil {
			marks[i], err = os.Stat(filepath.Join(s.settings.Data, clusterMark))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !os.SameFile(marks[0], marks[1]) {
		t.Error("it is written anew")
	}
}

func TestDatabaseFinding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change func(*postgres.Health)
		state  state
		want   string
	}{
		{func(h *postgres.Health) {}, well, "with a synchronous standby"},
		{func(h *postgres.Health) { h.Done, h.Oldest = 0, 0 }, well, "empty"},
		{func(h *postgres.Health) { h.Standby = false }, warn, "no synchronous standby"},
		{func(h *postgres.Health) { h.Lossy = []string{"fsync"} }, warn, "fsync"},
		{func(h *postgres.Health) { h.Number = 140000 }, bad, "too old"},
		{func(h *postgres.Health) { h.Encoding = "SQL_ASCII" }, bad, "SQL_ASCII"},
		{func(h *postgres.Health) { h.ReadOnly = true }, bad, "is a standby"},
		{func(h *postgres.Health) { h.Oldest = 8 }, bad, "later release"},
	} {
		h := postgres.Health{Version: "17.2", Number: 170002, Encoding: "UTF8", Standby: true, Done: 7, Known: 7, Oldest: 7}
		c.change(&h)
		if f := databaseFinding(h); f.State != c.state || !strings.Contains(f.Text+f.Fix, c.want) {
			t.Errorf("expected %s %q, got %+v", c.state, c.want, f)
		}
	}
}
