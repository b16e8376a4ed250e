package imap_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sealpost/imap"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// fill puts n messages into INBOX, of whose letters nothing exists: enough for
// all that is answered from the index.
func (h *house) fill(p person, n int) {
	h.Helper()
	ctx := context.Background()
	inbox := h.box(p, "INBOX")
	outer := []byte("From: Alice Example <alice@example.org>\r\nTo: Bob Builder <bob@demo.test>\r\nSubject: [...]\r\n" +
		"Date: Fri, 2 Jan 2026 03:04:05 +0100\r\nMessage-ID: <20260102030405.1234@example.org>\r\n\r\n")
	header, err := mail.ReadHeader(bytes.NewReader(outer), 0, int64(len(outer)))
	h.must(err)
	envelope, err := mail.ReadEnvelope(header).MarshalBinary()
	h.must(err)
	for at := 0; at < n; {
		var changes []mailstore.Change
		for ; at < n && len(changes) < 5000; at++ {
			m := mailstore.Mail{Outer: outer, Envelope: envelope, Form: pgp.FormMIME, Letters: []mailstore.Stored{{Kind: pgp.KindMessage}}}
			m.Letters[0].Size = 4000
			m.Letters[0].ID[0], m.Letters[0].ID[1], m.Letters[0].ID[2] = byte(at), byte(at>>8), byte(at>>16)
			changes = append(changes, mailstore.Append{Box: inbox.ID, Mail: m, Size: 5000, Received: time.Now(), Flags: []string{`\Seen`}})
		}
		_, err := h.store.Index.Apply(ctx, p.owner(), changes)
		h.must(err)
	}
}

// probe is a connection that only measures.
type probe struct {
	b    *testing.B
	conn io.Writer
	in   *bufio.Reader
}

func (h *house) probe(b *testing.B, p person) *probe {
	b.Helper()
	c, err := tls.Dial("tcp", h.imaps, h.tls)
	h.must(err)
	b.Cleanup(func() { c.Close() })
	x := &probe{b, c, bufio.NewReaderSize(c, 64<<10)}
	x.do("l LOGIN " + p.address + " " + p.password)
	return x
}

// do runs a command and returns how many octets were answered.
func (x *probe) do(command string) (n int) {
	x.b.Helper()
	tag, _, _ := strings.Cut(command, " ")
	fmt.Fprintf(x.conn, "%s\r\n", command)
	start := true
	for {
		line, err := x.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			x.b.Fatal(err)
		}
		n += len(line)
		if start && strings.HasPrefix(string(line[:min(len(line), 8)]), tag+" ") {
			if !strings.HasPrefix(string(line), tag+" OK") {
				x.b.Fatalf("%s: %s", command, line)
			}
			return n
		}
		start = err == nil
	}
}

func BenchmarkSelect100000(b *testing.B) {
	h := build(b)
	h.fill(h.alice, 100_000)
	x := h.probe(b, h.alice)
	for b.Loop() {
		x.do("a SELECT INBOX")
	}
}

func BenchmarkFetch100000(b *testing.B) {
	h := build(b)
	h.fill(h.alice, 100_000)
	x := h.probe(b, h.alice)
	x.do("a SELECT INBOX")
	for name, items := range map[string]string{"flags": "(UID FLAGS)", "envelopes": "(ENVELOPE)"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(x.do("a FETCH 1:* " + items)))
			}
			b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkStore changes the flags of one mail, over one connection.
func BenchmarkStore(b *testing.B) {
	h := build(b)
	h.fill(h.alice, 20_000)
	x := h.probe(b, h.alice)
	x.do("a SELECT INBOX")
	sign := byte('-')
	for b.Loop() {
		sign ^= '-' ^ '+'
		x.do(fmt.Sprintf(`a STORE 1 %cFLAGS.SILENT (\Flagged)`, sign))
	}
}

func BenchmarkFetch2000(b *testing.B) {
	for name, items := range map[string]string{
		"bodies":  "(UID FLAGS BODY.PEEK[])",
		"list":    "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)",
		"headers": "(UID BODY.PEEK[HEADER.FIELDS (From To Subject Date)])",
	} {
		b.Run(name, func(b *testing.B) {
			h := build(b)
			for range 2000 {
				h.deliver(h.alice, "INBOX", letter("one", strings.Repeat("hello world, hello\r\n", 200)))
			}
			x := h.probe(b, h.alice)
			x.do("a SELECT INBOX")
			for b.Loop() {
				b.SetBytes(int64(x.do("a FETCH 1:* " + items)))
			}
		})
	}
}

// BenchmarkSearch100000 looks for a mark that the index keeps a set of, for a flag that
// stands in rows, for one mail of many, and for words in headers.
func BenchmarkSearch100000(b *testing.B) {
	h := build(b)
	h.fill(h.alice, 100_000)
	x := h.probe(b, h.alice)
	x.do("a SELECT INBOX")
	x.do(`a STORE 50000:50999 -FLAGS.SILENT (\Seen)`)
	for _, keys := range []string{"UNSEEN", "UNSEEN UNDELETED", "FLAGGED", "UID 77777 SEEN", "UNSEEN FROM nobody", "FROM nobody"} {
		b.Run(strings.ReplaceAll(keys, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.do("a UID SEARCH " + keys)
			}
		})
	}
}

// BenchmarkSort100000 names all of a mailbox, the newest first.
func BenchmarkSort100000(b *testing.B) {
	h := build(b)
	h.fill(h.alice, 100_000)
	x := h.probe(b, h.alice)
	x.do("a SELECT INBOX")
	for b.Loop() {
		x.do("a UID SORT (REVERSE ARRIVAL SIZE) UTF-8 ALL")
	}
}

func BenchmarkSignIn(b *testing.B) {
	h := build(b, func(s *imap.Server) { s.Throttle = nil })
	for b.Loop() {
		h.probe(b, h.alice).do("a LOGOUT")
	}
}

// BenchmarkIdle is the time from a delivery's end to its EXISTS at a client in IDLE.
func BenchmarkIdle(b *testing.B) {
	h := build(b)
	x := h.probe(b, h.alice)
	x.do("a SELECT INBOX")
	fmt.Fprint(x.conn, "b IDLE\r\n")
	x.until("+ ")
	var all, worst time.Duration
	for b.Loop() {
		h.deliver(h.alice, "INBOX", letter("one", "hello"))
		start := time.Now()
		x.until("EXISTS")
		took := time.Since(start)
		all, worst = all+took, max(worst, took)
	}
	b.ReportMetric(float64(all.Microseconds())/float64(b.N), "µs/told")
	b.ReportMetric(float64(worst.Microseconds()), "µs/worst")
}

func (x *probe) until(part string) {
	x.b.Helper()
	for {
		line, err := x.in.ReadString('\n')
		if err != nil {
			x.b.Fatal(err)
		}
		if strings.Contains(line, part) {
			return
		}
	}
}
