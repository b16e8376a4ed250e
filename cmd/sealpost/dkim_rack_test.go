package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/dns/dnstest"
	"sealpost/storage/postgres"
	"sealpost/storage/postgres/pgtest"
)

// racks are those of nodes that share a database.
func racks(t *testing.T, n int) (all []keyRack, known *postgres.Known, url string) {
	t.Helper()
	database, key := pgtest.Take(t), nodekey.Random()
	for range n {
		db, err := postgres.Open(t.Context(), database.URL, postgres.Options{Connections: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if known, err = db.Known(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		all = append(all, (&cluster{db: db, known: known}).room().dkim)
	}
	return all, known, database.URL
}

func selectorsIn(t *testing.T, rack keyRack, domain string) string {
	t.Helper()
	keys, err := keysIn(t.Context(), rack, domain)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, k := range keys {
		all = append(all, k.Selector+" "+string(k.State)+" "+k.Since.UTC().Format("0102"))
	}
	return strings.Join(all, ", ")
}

// Both racks go through a rotation alike.
func TestKeyRacks(t *testing.T) {
	t.Parallel()
	shared, _, _ := racks(t, 1)
	for name, rack := range map[string]keyRack{"folder": folderRack(filepath.Join(t.TempDir(), "dkim")), "shared": shared[0]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, later := t.Context(), newYear.AddDate(0, 0, 9)
			want := func(selectors string) {
				t.Helper()
				if got := selectorsIn(t, rack, "a.test"); got != selectors {
					t.Errorf("keys are %s\nwant     %s", got, selectors)
				}
			}
			add := func(in keyState, want bool) {
				t.Helper()
				if added, err := rack.add(ctx, "a.test", in, newYear); err != nil || added != want {
					t.Errorf("added %v, %v", added, err)
				}
			}
			want("")
			if all, err := rack.all(ctx); err != nil || len(all) != 0 {
				t.Errorf("%d domains, %v", len(all), err)
			}
			add(keySigns, true)
			add(keySigns, false)
			add(keyNext, true)
			add(keyNext, false)
			held, err := rack.keys(ctx, "a.test")
			if err != nil || len(held) != 4 {
				t.Fatalf("%d keys, %v", len(held), err)
			}
			for _, k := range held {
				if k.State == keyNext {
					err = rack.move(ctx, "a.test", k, keySigns, later)
				} else {
					err = rack.move(ctx, "a.test", k, keyOld, later)
				}
				if err != nil {
					t.Error(err)
				}
			}
			want("s20270101e old 0110, s20270101ea signs 0110, s20270101r old 0110, s20270101ra signs 0110")
			for _, k := range held {
				if k.State == keySigns {
					k.State = keyOld
					if err := rack.remove(ctx, "a.test", k); err != nil {
						t.Error(err)
					}
				}
			}
			want("s20270101ea signs 0110, s20270101ra signs 0110")
			all, err := rack.all(ctx)
			if err != nil || len(all) != 1 || len(all["a.test"]) != 2 {
				t.Errorf("%d domains, %v", len(all), err)
			}
		})
	}
}

// Of nodes that make keys for a domain at once one does, and none of a rotation is lost.
func TestNodesMakeKeysOnce(t *testing.T) {
	t.Parallel()
	nodes, _, _ := racks(t, 3)
	var made atomic.Int32
	var all sync.WaitGroup
	for _, rack := range nodes {
		for _, state := range []keyState{keySigns, keyNext} {
			all.Go(func() {
				added, err := rack.add(context.Background(), "a.test", state, newYear)
				if err != nil {
					t.Error(err)
				}
				if added {
					made.Add(1)
				}
			})
		}
	}
	all.Wait()
	held, err := nodes[0].keys(t.Context(), "a.test")
	if err != nil || len(held) != 4 || made.Load() != 2 {
		t.Errorf("%d keys, made by %d: %v", len(held), made.Load(), err)
	}
	for _, k := range held { // another node has moved it meanwhile
		if err := nodes[1].move(t.Context(), "a.test", heldKey{Selector: k.Selector, State: keyOld}, keySigns, time.Time{}); err != nil {
			t.Error(err)
		}
	}
	if again, err := nodes[2].keys(t.Context(), "a.test"); err != nil || !held[0].same(again[0]) || !held[3].same(again[3]) {
		t.Errorf("a key that was moved is moved again: %v", err)
	}
}

// F01: who has the database alone can neither sign nor show a certificate.
func TestSharedKeysAreSealed(t *testing.T) {
	t.Parallel()
	nodes, known, url := racks(t, 1)
	if _, err := nodes[0].add(t.Context(), "canary.test", keySigns, newYear); err != nil {
		t.Fatal(err)
	}
	certs := (&cluster{known: known}).room().certs
	if err := certs.Put(t.Context(), "canary.test", []byte("-----BEGIN EC PRIVATE KEY-----\ncanary")); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	found, err := conn.Query(t.Context(), `select key || row_ from sealed`)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pgx.CollectRows(found, pgx.RowTo[[]byte])
	if err != nil || len(rows) != 3 { // with the mark of the key
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, word := range []string{"canary", "PRIVATE KEY", "s20270101", "selector"} {
			if bytes.Contains(row, []byte(word)) {
				t.Errorf("a row has the word %s", word)
			}
		}
	}
}

// TestNodesSignAlike: a rotation at one node is taken up by all.
func TestNodesSignAlike(t *testing.T) {
	t.Parallel()
	x := newShared(t)
	east := x.newNode(t, nil)
	must(t, "account", "list", "--config="+east.config) // it makes the node key
	west := x.newNode(t, east)
	var out bytes.Buffer
	w := worldOf(t, dnstest.New(t, ""), "")
	if err := inStrongroom(t.Context(), east.settings, func(r strongroom) error {
		_, err := r.dkim.add(t.Context(), "demo.test", keySigns, newYear.AddDate(-1, 0, 0))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	a, b := east.serve(t), west.serve(t)
	signs := func(s *server) string {
		if s.signers.of("demo.test") == nil {
			return "nothing"
		}
		return s.signers.of("demo.test").Keys[0].Selector
	}
	if signs(a) != "s20260101r" || signs(b) != "s20260101r" {
		t.Errorf("nodes sign with %s and %s", signs(a), signs(b))
	}
	east.settings.File, west.settings.File = east.config, west.config
	if err := (dkimRotateCommand{Domain: "demo.test"}).in(t.Context(), console{nil, &out, &out}, west.settings, w); err != nil {
		t.Fatal(err)
	}
	w.dns = dnstest.New(t, out.String()).Resolver()
	if err := (dkimRotateCommand{Domain: "demo.test", Activate: true}).in(t.Context(), console{nil, &out, &out}, east.settings, w); err != nil {
		t.Fatal(err)
	}
	if signs(a) != "s20270101r" { // it was told
		t.Errorf("the node of the rotation signs with %s", signs(a))
	}
	ctx, stop := context.WithCancel(t.Context())
	var follow sync.WaitGroup
	follow.Go(func() { b.followKeys(ctx, 50*time.Millisecond) })
	defer func() { stop(); follow.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); signs(b) != "s20270101r"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the other node signs with %s", signs(b))
		}
	}
	list := must(t, "dkim", "list", "demo.test", "--config="+west.config)
	if strings.Count(list, "  signs\n") != 2 || strings.Count(list, "signed until") != 2 {
		t.Errorf("dkim list says\n%s", list)
	}
	if found, err := os.ReadDir(east.settings.DKIM.Folder); err == nil && len(found) > 0 {
		t.Errorf("%d files lie in dkim.folder", len(found))
	}
	os.Remove(filepath.Join(west.dir, "node.key"))
	fails(t, exitFailed, []string{"is missing, under which what nodes share is sealed"}, "dkim", "list", "--config="+west.config)
}
