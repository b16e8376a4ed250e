package bolt

import (
	"bufio"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

var long = flag.Bool("long", false, "kill -9 for tens of thousands of rounds, not 20")

const crashDir = "SEALPOST_CRASH_DIR"

const (
	crashOwners  = 3
	crashWriters = 12
)

// TestCrashChild is the process that TestCrash kills. Each line it prints is
// one acknowledged call: "+ owner uid id" for an append, "- owner uid" for an
// expunge, "= owner uid" for a flag set.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("runs only as the child of TestCrash")
	}
	d := openAt(t, filepath.Join(dir, "index"), Options{})
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Fprintf(os.Stdout, format+"\n", args...)
	}
	say("ready")
	go func() {
		for {
			d.Compact(context.Background()) // a kill hits this too
			time.Sleep(5 * time.Millisecond)
		}
	}()
	for w := range crashWriters {
		go crashWriter(t, d, ownerNumbered(w%crashOwners), say)
	}
	select {} // until killed
}

func crashWriter(t *testing.T, d *DB, o mailstore.Owner, say func(string, ...any)) {
	apply := func(c mailstore.Change) mailstore.Event {
		e, err := d.Index().Apply(context.Background(), o, []mailstore.Change{c})
		if err != nil {
			t.Error(err)
			os.Exit(3)
		}
		return e[0]
	}
	for i := 0; ; i++ {
		m := mailOf(500)
		uid := apply(mailstore.Append{Box: 1, Mail: m, Size: 1}).UIDs[0]
		say("+ %s %d %x", o, uid, m.ID)
		switch i % 4 {
		case 1:
			apply(mailstore.SetFlags{Box: 1, UIDs: []mailstore.UID{uid}, Op: mailstore.Add, Flags: []string{mailstore.Seen}})
			say("= %s %d", o, uid)
		case 3:
			say("? %s %d", o, uid) // it may be gone from now on
			apply(mailstore.Expunge{Box: 1, UIDs: []mailstore.UID{uid}})
			say("- %s %d", o, uid)
		}
	}
}

// message is what the child said of one.
type message struct {
	id         string
	seen       bool
	doubt, end bool
}

// ledger is all that was ever acknowledged.
type ledger map[mailstore.Owner]map[mailstore.UID]*message

// Killed at any moment, the index holds every acknowledged change, gives no UID
// twice, and needs no repair.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openAt(t, filepath.Join(dir, "index"), Options{})
	said := ledger{}
	for i := range crashOwners {
		openOwner(t, d, ownerNumbered(i))
		said[ownerNumbered(i)] = map[mailstore.UID]*message{}
	}
	d.Close()
	acks := 0
	rounds := 20
	if *long {
		rounds = 20_000
	}
	for range rounds {
		acks += crashOnce(t, dir, said)
		d := openAt(t, filepath.Join(dir, "index"), Options{})
		said.check(t, d)
		for o := range said {
			storagetest.Check(t, indexOf(d, o), o)
		}
		checkRows(t, d)
		d.Close()
		if t.Failed() {
			return
		}
	}
	if acks < rounds {
		t.Errorf("only %d acknowledged calls in %d rounds", acks, rounds)
	}
}

// indexOf is the index without the list of blobs, which is of all owners.
func indexOf(d *DB, o mailstore.Owner) mailstore.Index { return oneOwner{d.Index(), d, o} }

// crashOnce runs a child, kills it after some acknowledgements and some
// milliseconds, and notes what it said.
func crashOnce(t *testing.T, dir string, said ledger) (acks int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.timeout=60s")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // killed; half a line is no acknowledgement
		}
		if acks++; acks == 10 {
			time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { child.Process.Kill() })
		}
		said.note(t, strings.Fields(line))
	}
	child.Wait()
	if code := child.ProcessState.ExitCode(); code != -1 {
		t.Fatalf("the child ended by itself, with %d", code)
	}
	return acks
}

func (l ledger) note(t *testing.T, words []string) {
	t.Helper()
	if words[0] == "ready" {
		return
	}
	messages := l[mailstore.Owner(words[1])]
	var uid mailstore.UID
	if _, err := fmt.Sscan(words[2], &uid); err != nil {
		t.Fatal(err)
	}
	m := messages[uid]
	switch words[0] {
	case "+":
		if m != nil {
			t.Errorf("UID %d was given twice", uid)
		}
		messages[uid] = &message{id: words[3]}
	case "=":
		m.seen = true
	case "?":
		m.doubt = true
	case "-":
		m.end = true
	}
}

func (l ledger) check(t *testing.T, d *DB) {
	t.Helper()
	for o, messages := range l {
		there := map[mailstore.UID]mailstore.Entry{}
		var uids []mailstore.UID
		for _, e := range collectEntries(t, d, o, 1) {
			there[e.UID] = e
			uids = append(uids, e.UID)
		}
		ids := map[mailstore.UID]string{}
		for m, err := range d.Index().Mails(context.Background(), o, 1, uids) {
			if err != nil {
				t.Fatal(err)
			}
			ids[m.UID] = hex.EncodeToString(m.ID[:])
		}
		for uid, m := range messages {
			e, found := there[uid]
			switch {
			case m.end && found:
				t.Errorf("UID %d is back", uid)
			case !m.doubt && !found:
				t.Errorf("UID %d is lost", uid)
			case found && ids[uid] != m.id:
				t.Errorf("UID %d is another mail", uid)
			case found && m.seen && len(e.Flags) == 0:
				t.Errorf("UID %d lost its flag", uid)
			}
		}
	}
}
