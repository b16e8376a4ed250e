package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/mailstore"
	"sealpost/storage/postgres/pgtest"
)

// wires are the connections of a node: they count round trips and may be cut.
type wires struct {
	mu    sync.Mutex
	trips int
	cutAt int  // the round trip at which a connection is cut, once; 0: none
	late  bool // cut it when the server has what was sent, and not before
	done  int  // how many were cut
}

type wire struct {
	net.Conn
	all   *wires
	wrote bool // since something was read
	deaf  bool // cut: no answer comes through
}

// watched is a node on a database whose connections are wires.
func watched(t testing.TB, database *pgtest.Database, o Options) (*DB, *wires) {
	t.Helper()
	config, err := pgxpool.ParseConfig(database.URL)
	if err != nil {
		t.Fatal(err)
	}
	w := &wires{}
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: c, all: w}, nil
	}
	d := openWith(t, config, o)
	t.Cleanup(func() { d.Close() })
	return d, w
}

func (c *wire) Write(b []byte) (int, error) {
	cut, late := c.begin()
	if cut && !late {
		c.Conn.Close()
		return 0, errors.New("cut before it was sent")
	}
	n, err := c.Conn.Write(b)
	if cut {
		time.Sleep(100 * time.Millisecond) // the server has it, and does it
		c.Conn.Close()
	}
	return n, err
}

// begin counts a round trip with its first octets.
func (c *wire) begin() (cut, late bool) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !c.wrote {
		c.wrote = true
		c.all.trips++
		if c.all.cutAt > 0 && c.all.trips >= c.all.cutAt {
			c.all.cutAt, c.deaf = 0, true
			c.all.done++
			return true, c.all.late
		}
	}
	return false, false
}

func (c *wire) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.deaf {
		return 0, errors.New("cut before it was answered")
	}
	if n > 0 {
		c.wrote = false
	}
	return n, err
}

// count is how many round trips fn took.
func (w *wires) count(fn func()) int {
	w.mu.Lock()
	before := w.trips
	w.mu.Unlock()
	fn()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trips - before
}

// cut has the connection break at the nth round trip from now.
func (w *wires) cut(n int, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cutAt, w.late = w.trips+n, late
}

func mailOf(n int) mailstore.Mail {
	m := mailstore.Mail{Outer: make([]byte, n), Form: 2, Letters: []mailstore.Stored{{Kind: 2}}}
	m.Letters[0].Size = int64(n)
	rand.Read(m.ID[:])
	rand.Read(m.Letters[0].ID[:])
	return m
}

func appends(box mailstore.MailboxID, n int) (changes []mailstore.Change) {
	for range n {
		changes = append(changes, mailstore.Append{Box: box, Mail: mailOf(100), Size: 1, Flags: []string{"k"}})
	}
	return changes
}

func apply(t testing.TB, d *DB, o mailstore.Owner, changes ...mailstore.Change) []mailstore.Event {
	t.Helper()
	events, err := d.Index().Apply(context.Background(), o, changes)
	if err != nil {
		t.Fatalf("apply %T and so on: %v", changes[0], err)
	}
	return events
}

// begin makes an owner with two mailboxes.
func begin(t testing.TB, d *DB, o mailstore.Owner) (inbox, other mailstore.MailboxID) {
	t.Helper()
	e := apply(t, d, o, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}, mailstore.Create{Name: "Other"})
	return e[1].Box, e[2].Box
}

func span(first, last mailstore.UID) []mailstore.UID { return mailstore.UIDSpan(first, last).List() }

// What a call costs does not depend on how much it carries.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	inbox, other := begin(t, d, "o")
	ctx := context.Background()
	const many = 400
	for _, c := range []struct {
		what   string
		want   int
		change func(first, last mailstore.UID) mailstore.Change
	}{
		{"flags", 2, func(first, last mailstore.UID) mailstore.Change {
			return mailstore.SetFlags{Box: inbox, UIDs: span(first, last), Op: mailstore.Add, Flags: []string{mailstore.Seen, "word"}}
		}},
		{"copy", 3, func(first, last mailstore.UID) mailstore.Change {
			return mailstore.Copy{From: inbox, To: other, UIDs: span(first, last)}
		}},
		{"move", 2, func(first, last mailstore.UID) mailstore.Change {
			return mailstore.Move{From: inbox, To: other, UIDs: span(first, last)}
		}},
		{"expunge", 3, func(first, last mailstore.UID) mailstore.Change {
			return mailstore.Expunge{Box: other, UIDs: span(first, last)}
		}},
		{"expunge all", 3, func(mailstore.UID, mailstore.UID) mailstore.Change { return mailstore.Expunge{Box: other} }},
	} {
		for i, n := range []mailstore.UID{1, many, 1, many} {
			first := apply(t, d, "o", appends(inbox, int(n))...)[0].UIDs[0]
			if strings.HasPrefix(c.what, "expunge") {
				first = apply(t, d, "o", mailstore.Copy{From: inbox, To: other, UIDs: span(first, first+n-1)})[0].UIDs[0]
			}
			change := c.change(first, first+n-1)
			trips := w.count(func() { apply(t, d, "o", change) })
			if i > 1 && trips != c.want { // the first ones prepare statements
				t.Errorf("%s of %d: %d round trips, want %d", c.what, n, trips, c.want)
			}
		}
	}
	for _, n := range []int{1, 50, many} {
		delivery := appends(inbox, n)
		if trips := w.count(func() { apply(t, d, "o", delivery...) }); trips != 2 {
			t.Errorf("delivery of %d: %d round trips, want 2", n, trips)
		}
	}
	for what, read := range map[string]func() error{
		"mailboxes": func() error { _, err := d.Index().Mailboxes(ctx, "o"); return err },
		"roster":    func() error { _, err := d.Index().Roster(ctx, "o", inbox); return err },
		"changes":   func() error { _, err := d.Index().Changes(ctx, "o", inbox, 5); return err },
		"marked":    func() error { _, err := d.Index().Marked(ctx, "o", inbox, mailstore.MarkUnseen); return err },
		"usage":     func() error { _, err := d.Index().Usage(ctx, "o"); return err },
	} {
		if err := read(); err != nil {
			t.Fatal(err)
		}
		if trips := w.count(func() { read() }); trips != 1 {
			t.Errorf("%s: %d round trips, want 1", what, trips)
		}
	}
}

// A connection that breaks at any round trip of a delivery costs time, and neither
// loses nor doubles it: the node finds out whether it was committed.
func TestConnectionCut(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d, w := watched(t, database, Options{Connections: 1})
	inbox, _ := begin(t, d, "o")
	want := 0
	for _, late := range []bool{false, true} {
		for trip := 1; trip <= 2; trip++ {
			apply(t, d, "o", appends(inbox, 1)...) // a connection that knows the statements
			w.cut(trip, late)
			e := apply(t, d, "o", appends(inbox, 3)...)
			want += 4
			if e[2].UIDs[0] != mailstore.UID(want) {
				t.Errorf("cut at %d (late: %v): UID %d, want %d", trip, late, e[2].UIDs[0], want)
			}
			if r, err := d.Index().Roster(t.Context(), "o", inbox); err != nil || int(r.Messages) != want {
				t.Errorf("cut at %d (late: %v): %d messages, want %d: %v", trip, late, r.Messages, want, err)
			}
		}
		w.cut(1, late)
		if u, err := d.Index().Usage(t.Context(), "o"); err != nil || int(u.Messages) != want {
			t.Errorf("a read over a cut connection: %+v, %v", u, err)
		}
	}
	if w.done != 6 {
		t.Errorf("%d connections were cut, want 6", w.done)
	}
	checkRows(t, d)
}

// An owner is made and forgotten over connections that break.
func TestConnectionCutOwner(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	begin(t, d, "warm")
	for _, late := range []bool{false, true} {
		o := mailstore.Owner(map[bool]string{false: "early", true: "late"}[late])
		apply(t, d, "warm", mailstore.SetQuota{Bytes: 1})
		w.cut(2, late)
		begin(t, d, o)
		if boxes, err := d.Index().Mailboxes(t.Context(), o); err != nil || len(boxes) != 2 {
			t.Errorf("late %v: %d mailboxes, %v", late, len(boxes), err)
		}
	}
	forget := func() { apply(t, d, "warm", mailstore.Forget{}) }
	forget()
	begin(t, d, "warm")
	commits := w.count(forget)
	w.cut(commits, false)
	apply(t, d, "early", mailstore.Forget{})
	begin(t, d, "warm")
	forget()
	w.cut(commits, true)
	// What became of it cannot be known: the row in which it would stand is gone.
	if _, err := d.Index().Apply(t.Context(), "late", []mailstore.Change{mailstore.Forget{}}); !errors.Is(err, ErrUnsettled) || mailstore.Refused(err) {
		t.Errorf("got %v", err)
	}
	checkRows(t, d)
}
