package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/move/carry"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

// peopled is a site of one machine with people, mail and a password of the first, and a node of
// a cluster that has its node key.
func peopled(t *testing.T, people, mails int) (lone, node *site, secret, password string) {
	t.Helper()
	x := newShared(t)
	lone = newSite(t)
	t.Run("begin", func(t *testing.T) { // the server ends with it
		file := "--config=" + lone.config
		for i := range people {
			key, public := lone.keys(t, fmt.Sprintf("p%d@demo.test", i))
			must(t, "account", "add", fmt.Sprintf("p%d@demo.test", i), "--key", public, file)
			if i == 0 {
				secret = key
			}
		}
		password = strings.TrimSpace(must(t, "password", "add", "p0@demo.test", "--name=test", file))
		up := lone.serve(t)
		for i := range people {
			for n := range mails {
				send(t, up, fmt.Sprintf("p%d@demo.test", i), fmt.Sprintf("From: sender@example.org\r\nSubject: canary %d\r\n\r\nIn the cage.\r\n", n+1))
			}
		}
	})
	return lone, x.newNode(t, lone), secret, password
}

// another is a site of one machine, empty, with the node key of one.
func another(t *testing.T, of *site) *site {
	s := newSite(t)
	s.write(t, "node.key", read(t, filepath.Join(of.dir, "node.key")))
	return s
}

// everything is all that there is of everybody, by what it is: blobs by their octets.
func everything(t *testing.T, s *site) map[mailstore.Owner][]string {
	t.Helper()
	e, err := openAnyEngines(t.Context(), s.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	all, err := e.accounts.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x, found := e.end(), map[mailstore.Owner][]string{}
	for _, a := range all {
		found[owner(a)] = inWords(t, e, x.Export(t.Context(), owner(a)))
	}
	return found
}

// inWords is what records say, in an order of its own.
func inWords(t *testing.T, e *engines, records carry.Records) (all []string) {
	t.Helper()
	for r, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		told := fmt.Sprintf("%T", r)
		if m, ok := r.(carry.Message); ok {
			told += fmt.Sprintf(" %d %d %d %v %x %v %x", m.Box, m.Entry.UID, m.Entry.Modseq, m.Entry.Flags, m.Mail.ID, m.Entry.Received, m.Mail.Envelope)
		}
		for _, ref := range carry.Blobs(r) {
			told += octetsOf(t, e.blobs, ref.ID)
		}
		all = append(all, told)
	}
	slices.Sort(all)
	return all
}

func octetsOf(t *testing.T, b filestore.Blobs, id filestore.ID) string {
	blob, err := b.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	_, err = io.Copy(h, io.NewSectionReader(blob, 0, blob.Size()))
	if err := errors.Join(err, blob.Close()); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(" %x", h.Sum(nil))
}

// mailsWaiting puts mail into both queues, and says what then waits.
func mailsWaiting(t *testing.T, s *site) (all []string) {
	t.Helper()
	s.offline(t, func(o *office) {
		a, err := o.find(t.Context(), "p1@demo.test")
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range []*queue.Queue{o.queue, o.outbox, o.queue} {
			m := queue.Mail{Account: string(a.ID), Recipient: make([]queue.State, 1), Envelope: smtp.Envelope{Hold: time.Now().Add(time.Hour)}}
			if _, err := q.Put(t.Context(), m, strings.NewReader(fmt.Sprintf("mail %d", i))); err != nil {
				t.Fatal(err)
			}
		}
	})
	return waits(t, s)
}

// waits is what waits to leave, with its texts.
func waits(t *testing.T, s *site) (all []string) {
	t.Helper()
	e, err := openAnyEngines(t.Context(), s.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, from := range []shelf{e.leaving, e.held} {
		rows, err := from.rows.List(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			all = append(all, fmt.Sprintf("%s %x %s %x %s", r.ID, r.Group, r.Due, r.Data, octetsOf(t, from.texts, r.Body.ID)))
		}
	}
	return all
}

// dkimOf are the DKIM keys of an installation.
func dkimOf(t *testing.T, s *site) (all []string) {
	t.Helper()
	e, err := openAnyEngines(t.Context(), s.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	keys, err := e.room(s.settings).dkim.keys(t.Context(), "demo.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		all = append(all, fmt.Sprintf("%s %s %d %x", k.Selector, k.State, k.Since.Unix(), k.PEM))
	}
	return all
}

// TestMigrate: who moves into a cluster finds there what was here, and the same when he comes back to another machine.
func TestMigrate(t *testing.T) {
	t.Parallel()
	lone, node, secret, password := peopled(t, 3, 4)
	waiting := mailsWaiting(t, lone)
	if _, err := folderRack(lone.settings.DKIM.Folder).add(t.Context(), "demo.test", keySigns, time.Now()); err != nil {
		t.Fatal(err)
	}
	signing := dkimOf(t, lone)
	before := everything(t, lone)
	if said := must(t, "migrate", "--config="+lone.config, "--to="+node.config); !strings.Contains(said, "Moved 3 accounts, 12 messages") {
		t.Errorf("it said %q", said)
	}
	if after := everything(t, node); !reflect.DeepEqual(before, after) {
		t.Errorf("what is there is another thing:\n%v\n%v", before, after)
	}
	if there := waits(t, node); !reflect.DeepEqual(waiting, there) {
		t.Errorf("other mail waits there: %v, and here %v", there, waiting)
	}
	if there := dkimOf(t, node); len(signing) == 0 || !reflect.DeepEqual(signing, there) {
		t.Errorf("%d DKIM keys are there, %d here, or others", len(there), len(signing))
	}
	fails(t, exitFailed, []string{"moved away"}, "account", "list", "--config="+lone.config)
	if said := must(t, "migrate", "--config="+lone.config, "--to="+node.config); !strings.Contains(said, "Moved 0 accounts") {
		t.Errorf("once more it said %q", said)
	}
	opens := func(t *testing.T, s *site) {
		t.Helper()
		up := s.serve(t)
		got := fetch(t, up.imapsDoors[0].Addr().String(), filepath.Join(s.dir, "ca.pem"), "p0@demo.test", password, 2)
		if opened := do(t, string(got), "open", "--key", secret); !strings.Contains(opened.out, "Subject: canary 2") {
			t.Errorf("%+v", opened)
		}
		send(t, up, "p1@demo.test", "From: sender@example.org\r\nSubject: later\r\n\r\nIn the cage.\r\n")
	}
	t.Run("there", func(t *testing.T) { opens(t, node) })

	home := another(t, lone)
	there := everything(t, node)
	waiting = waits(t, node)
	must(t, "migrate", "--config="+node.config, "--to="+home.config)
	if back := everything(t, home); !reflect.DeepEqual(there, back) {
		t.Errorf("what came back is another thing:\n%v\n%v", there, back)
	}
	if back := waits(t, home); !reflect.DeepEqual(waiting, back) {
		t.Errorf("other mail waits: %v, and there %v", back, waiting)
	}
	fails(t, exitFailed, []string{"moved away"}, "account", "list", "--config="+node.config)
	if a, b := read(t, filepath.Join(lone.settings.Data, "secret")), read(t, filepath.Join(home.settings.Data, "secret")); string(a) != string(b) {
		t.Error("the secret is another one")
	}
	t.Run("back", func(t *testing.T) { opens(t, home) })
}

// TestMigrateOne: of single addresses nothing stays here, and the others are not touched.
func TestMigrateOne(t *testing.T) {
	t.Parallel()
	lone, node, _, _ := peopled(t, 2, 2)
	node.write(t, "sealpost.toml", append(read(t, node.config), "[s3.rule.abroad]\nproviders = [\"west\"]\nfor = [\"p1@demo.test\"]\n"...))
	before := everything(t, lone)
	fails(t, exitFailed, []string{"no such account"}, "migrate", "--config="+lone.config, "--to="+node.config, "nobody@demo.test")
	must(t, "migrate", "--config="+lone.config, "--to="+node.config, "p1@demo.test")
	here, there := everything(t, lone), everything(t, node)
	if len(here) != 1 || len(there) != 1 {
		t.Fatalf("%d accounts are here, and %d there", len(here), len(there))
	}
	for _, some := range []map[mailstore.Owner][]string{here, there} {
		for o, all := range some {
			if !reflect.DeepEqual(all, before[o]) {
				t.Errorf("%s is another one", o)
			}
		}
	}
	must(t, "account", "list", "--config="+lone.config)
	fails(t, exitFailed, []string{"there are 1 account where all is to move to"}, "migrate", "--config="+lone.config, "--to="+node.config)
	must(t, "migrate", "--config="+node.config, "--to="+lone.config, "p1@demo.test")
	if after := everything(t, lone); !reflect.DeepEqual(before, after) {
		t.Error("what came back is another thing")
	}
}

// TestMigrateRefused: what cannot go well is not begun.
func TestMigrateRefused(t *testing.T) {
	t.Parallel()
	lone, node, _, _ := peopled(t, 1, 0)
	stranger := newSite(t)
	fails(t, exitFailed, []string{"the same node key"}, "migrate", "--config="+lone.config, "--to="+stranger.config)
	fails(t, exitFailed, []string{"one of its own"}, "migrate", "--config="+lone.config, "--to="+lone.config)
	t.Run("served", func(t *testing.T) {
		lone.serve(t)
		fails(t, exitFailed, []string{"stop the server"}, "migrate", "--config="+lone.config, "--to="+node.config)
	})
	must(t, "account", "list", "--config="+lone.config)
	must(t, "migrate", "--config="+lone.config, "--to="+node.config)
	t.Run("node", func(t *testing.T) {
		node.serve(t)
		second := another(t, lone)
		text := strings.Replace(string(read(t, node.config)), node.dir, second.dir, -1)
		second.write(t, "sealpost.toml", []byte(text))
		second.write(t, "s3.key", read(t, filepath.Join(node.dir, "s3.key")))
		home := another(t, lone)
		fails(t, exitFailed, []string{"nodes are running"}, "migrate", "--config="+second.config, "--to="+home.config)
	})
}

// TestMigrateKilled: a move that is killed goes on, neither end is served before it has ended, and
// what arrives is what was sent.
func TestMigrateKilled(t *testing.T) {
	t.Parallel()
	lone, node, _, _ := peopled(t, 4, 10)
	before := everything(t, lone)
	args := []string{"migrate", "--config=" + lone.config, "--to=" + node.config}
	kills, done := 0, false
	for tries := 0; !done; tries++ {
		p := start(t, args...)
		wait := time.Duration(rand.Int64N(int64(300*time.Millisecond)) + int64(tries)*int64(40*time.Millisecond))
		select {
		case <-p.ended:
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				t.Fatalf("exit %d: %s", code, p.log())
			}
			done = true
		case <-time.After(wait):
			p.cmd.Process.Kill()
			<-p.ended
			kills++
		}
		if _, err := os.Stat(filepath.Join(lone.settings.Data, moveMark)); err == nil {
			fails(t, exitFailed, []string{"migrate"}, "account", "list", "--config="+lone.config)
		}
	}
	if after := everything(t, node); !reflect.DeepEqual(before, after) {
		t.Errorf("what is there is another thing:\n%v\n%v", before, after)
	}
	t.Logf("killed %d times", kills)
	must(t, "account", "list", "--config="+node.config)
}

// TestMigrateUndone: a move that was begun and is taken back leaves all here, and nothing there.
func TestMigrateUndone(t *testing.T) {
	t.Parallel()
	lone, node, _, _ := peopled(t, 2, 3)
	before := everything(t, lone)
	half := func() { // as a crash in the middle leaves it
		r := &relocation{settings: lone.settings, other: node.settings, fromData: lone.settings.Data, toData: node.settings.Data, bar: newBar(console{Err: io.Discard})}
		if err := r.open(t.Context(), lone.settings, node.settings, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		ids, _, err := r.chosen(t.Context(), nil)
		if err := errors.Join(err, r.journal.settle(t.Context(), true), r.begin(t.Context(), true)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.move(true).Account(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	half()
	for _, s := range []*site{lone, node} {
		fails(t, exitFailed, []string{"--undo"}, "account", "list", "--config="+s.config)
	}
	must(t, "migrate", "--config="+lone.config, "--to="+node.config, "--undo")
	if here, there := everything(t, lone), everything(t, node); !reflect.DeepEqual(before, here) || len(there) != 0 {
		t.Errorf("%d accounts are there", len(there))
	}
	must(t, "account", "list", "--config="+lone.config)
	must(t, "account", "list", "--config="+node.config)
	half()
	must(t, "migrate", "--config="+lone.config, "--to="+node.config)
	if after := everything(t, node); !reflect.DeepEqual(before, after) {
		t.Error("what is there is another thing")
	}
}

// TestMigrateKeys: DKIM keys are there what they are here, once.
func TestMigrateKeys(t *testing.T) {
	t.Parallel()
	from, to := folderRack(t.TempDir()), folderRack(t.TempDir())
	begun := time.Unix(1_700_000_000, 0)
	if _, err := from.add(t.Context(), "demo.test", keySigns, begun); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} {
		if n, err := bringKeys(t.Context(), from, to); n != want || err != nil {
			t.Errorf("%d keys, %v", n, err)
		}
	}
	a, err := from.keys(t.Context(), "demo.test")
	b, wrong := to.keys(t.Context(), "demo.test")
	if !reflect.DeepEqual(a, b) || len(a) != 2 || err != nil || wrong != nil {
		t.Errorf("%v and %v", err, wrong)
	}
}
