package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore/notify"
)

// said is one message of a client of PostgreSQL.
func said(kind byte, parts ...string) []byte {
	body := strings.Join(parts, "\x00") + "\x00"
	var b bytes.Buffer
	if kind != 0 {
		b.WriteByte(kind)
	}
	_ = binary.Write(&b, binary.BigEndian, uint32(len(body)+4))
	b.WriteString(body)
	return b.Bytes()
}

const startup = "\x00\x03\x00\x00user\x00postgres\x00"

// What is run changes rows by its text, whenever that was prepared, and in whatever pieces
// it comes.
func TestSpeech(t *testing.T) {
	t.Parallel()
	begin := append(said(0, "\x04\xd2\x16\x2f")[:8], said(0, startup)...) // a question for TLS goes first
	binary.BigEndian.PutUint32(begin, 8)
	for _, c := range []struct {
		what string
		said []byte
		want bool
	}{
		{"a look", said('Q', "select 1"), false},
		{"a change", said('Q', "UPDATE t set a = 1"), true},
		{"prepared and not run", said('P', "s1", "insert into t values (1)"), false},
		{"a lock", append(said('P', "s2", "select 1 from t for update"), said('B', "", "s2")...), true},
		{"run later", append(said('P', "s3", "delete from t"), append(said('S'), said('B', "p", "s3")...)...), true},
		{"another was prepared", append(said('P', "s4", "delete from t"), append(said('P', "s5", "select updated from t"), said('B', "", "s5")...)...), false},
	} {
		for _, step := range []int{1, 3, 1000} {
			s, got := speech{statements: map[string]bool{}}, false
			for all := append(bytes.Clone(begin), c.said...); len(all) > 0; all = all[min(step, len(all)):] {
				got = s.changes(all[:min(step, len(all))]) || got
			}
			if got != c.want {
				t.Errorf("%s, %d octets at a time: %v", c.what, step, got)
			}
		}
	}
}

// A trip is what was asked while nothing else was, in however many pieces question and answer come.
func TestTap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	far, err := net.Listen("unix", filepath.Join(dir, "far"))
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	tap, err := newTap("unix", filepath.Join(dir, "near"), far.Addr())
	if err != nil {
		t.Fatal(err)
	}
	tap.postgres = true
	client, err := net.Dial("unix", filepath.Join(dir, "near"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := far.Accept()
	if err != nil {
		t.Fatal(err)
	}
	talk := func(from, to net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(from, text); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(to, make([]byte, len(text))); err != nil {
			t.Fatal(err)
		}
	}
	talk(client, server, string(said(0, startup)))
	talk(server, client, "R1234Z\x00\x00\x00\x05I")
	talk(client, server, string(said('Q', "select 1")))
	talk(server, client, "D1234") // an answer that goes on
	talk(client, server, string(said('S')))
	talk(server, client, "Z\x00\x00")
	talk(server, client, "\x00\x05T")
	talk(client, server, string(said('Q', "update a set b = 1")))
	if got := tap.seen(); got != (tripsSeen{all: 3, writes: 1}) {
		t.Errorf("%+v", got)
	}
	client.Close()
	server.Close()
	tap.close()
}

// Mails go out at their pace, whose beginning each one's time counts from, and connections are dealt
// to all addresses.
func TestPace(t *testing.T) {
	t.Parallel()
	const every = 5 * time.Millisecond
	l := &lane{mails: make([]delivery, 4), every: every, began: time.Now()}
	for i := range l.mails {
		_, turn, ok := l.take()
		if want := l.began.Add(time.Duration(i) * every); !ok || !turn.Equal(want) || time.Now().Before(want) {
			t.Errorf("mail %d at %v, its turn %v", i, time.Since(l.began), turn.Sub(l.began))
		}
	}
	if _, _, ok := l.take(); ok {
		t.Error("there is one more")
	}
	greeted := make([]atomic.Int64, 2)
	to := target{}
	for i := range greeted {
		door, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer door.Close()
		to.more = append(to.more, door.Addr().String())
		go func() {
			for c, err := door.Accept(); err == nil; c, err = door.Accept() {
				greeted[i].Add(1)
				io.WriteString(c, "220 here\r\n250 PIPELINING\r\n")
			}
		}()
	}
	to.addr, to.more = to.more[0], to.more[1:]
	dialogues, err := to.dialAll(context.Background(), 6, []*lane{l})
	if err != nil || greeted[0].Load() != 3 || greeted[1].Load() != 3 {
		t.Errorf("%d and %d connections, %v", greeted[0].Load(), greeted[1].Load(), err)
	}
	for _, d := range dialogues {
		d.conn.Close()
	}
}

// The section says what was measured, and of nothing else.
func TestClusterSection(t *testing.T) {
	t.Parallel()
	c := cell{size: 4 << 10, conns: 50, boxes: 1}
	r := newRecord(plan{})
	for name, stored := range map[string]float64{nameEmbedded: 2000, nodesName(2): 500} {
		y := yield{stored: stored, cpu: time.Millisecond, p50: 10 * time.Millisecond, p99: 20 * time.Millisecond,
			calm: []time.Duration{3 * time.Millisecond, 4 * time.Millisecond, 90 * time.Millisecond}}
		if name != nameEmbedded {
			y.grown = []float64{gaugeDatabase: 210, gaugeS3: 320, gaugeCommits: 0.25, gaugeWAL: 4321}
		}
		r.cluster.load.results = append(r.cluster.load.results, &result{entrant: entrant{name: name}, yields: map[cell][]yield{c: {y}}})
	}
	r.cluster.load.cells, r.cluster.load.row = []cell{c}, rowOf
	r.cluster.wakes = []waking{{what: "the same node", late: []time.Duration{0, time.Millisecond}}, {what: "another node, by LISTEN", aim: 10 * time.Millisecond, never: true}}
	r.cluster.trips = []*trip{{what: "a mail comes", aim: 3, rows: []tripsSeen{{9, 3}, {8, 3}, {8, 4}}, s3: []tripsSeen{{1, 0}}}, {what: "of many", shared: 4, rows: []tripsSeen{{10, 2}}}}
	r.cluster.rooms = []room{{what: "mails that came", mails: 1000, tables: map[string]float64{"entries": 200, "mails": 900, "queue": 0.1}, files: 8000}}
	r.cluster.moves = []relocation{{"one machine to a cluster", 20, 5000, 4 * time.Second}}
	page := strings.Join(strings.Fields(r.page()), " ")
	for _, want := range []string{
		"| one machine to a cluster | 20 | 5,000 | 5.00 | 1250 |",
		"| 4 KB, 50, 1 | 2 nodes | 1000 | 210 | 320 | 0.25 | 4321 |",
		"| 4 KB, 50, 1 | one machine | 1000 | - | - | - | - |",
		"| 4.00 | 90.0 | 10.0 | 20.0 |",
		"| the same node | 0.00 ms | 1.00 ms | | another node, by LISTEN | not in 3s | not in 3s |",
		"| a mail comes | 8 | 3 | 1 | | of many | 2.50 | 0.50 | 0.00 |",
		"| entries | 200 | | mails | 900 | | all other tables | - | | the database | 1100 | | files | 8000 |",
		"| at most 3 round trips that write: a mail comes | 3.00 | yes |",
		"| told within 10.0 ms, 99 %: another node, by LISTEN | not in 3s | no |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	r.cluster = clusters{}
	if strings.Contains(r.page(), "Clusters") {
		t.Error("there is a section of nothing")
	}
}

// pipe is a wire on which every other frame is lost if it is bad.
type pipe struct {
	to, from chan []byte
	bad      bool
	sent     int
}

func (p *pipe) Listen(ctx context.Context, e notify.Ear) {
	e.Up()
	for {
		select {
		case f := <-p.from:
			e.Hear(f)
		case <-ctx.Done():
			return
		}
	}
}

func (p *pipe) Send(context.Context, []byte) error {
	if p.sent++; !p.bad || p.sent%2 == 1 {
		p.to <- nil
	}
	return nil
}

func (*pipe) Limits() (int, time.Duration) { return 100, 0 }
func (*pipe) Close() error                 { return nil }

// A frame that does not come is told, and does not stand among the times.
func TestCarry(t *testing.T) {
	t.Parallel()
	for _, bad := range []bool{false, true} {
		p := &pipe{to: make(chan []byte, 1), bad: bad}
		w := waking{patience: 50 * time.Millisecond}
		if err := w.carry(t.Context(), p, &pipe{from: p.to}, 4); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{false: 4, true: 1}[bad]; len(w.late) != want || w.never != bad {
			t.Errorf("bad %v: %d came, never %v", bad, len(w.late), w.never)
		}
	}
}
