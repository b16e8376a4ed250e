package inbound

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// void takes blobs and keeps nothing but their number and length.
type void struct{ blobs, bytes atomic.Int64 }

func (v *void) Put(_ context.Context, sources ...io.WriterTo) ([]filestore.Ref, error) {
	refs := make([]filestore.Ref, len(sources))
	for i, s := range sources {
		n, err := s.WriteTo(io.Discard)
		if err != nil {
			return nil, err
		}
		v.bytes.Add(n)
		refs[i].Size = n
		refs[i].ID[0], refs[i].ID[1], refs[i].ID[2] = byte(i), byte(v.blobs.Add(1)), byte(v.blobs.Load()>>8)
	}
	return refs, nil
}
func (v *void) Open(context.Context, filestore.ID) (filestore.Blob, error) {
	return nil, filestore.ErrNotFound
}
func (v *void) Delete(context.Context, ...filestore.ID) error { return nil }
func (v *void) All(context.Context) iter.Seq2[filestore.Info, error] {
	return func(func(filestore.Info, error) bool) {}
}

// TestMemory: a mail of 50 MiB to many recipients stays under 64 MiB of memory.
// It is not parallel, so nothing else is measured.
func TestMemory(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("takes seconds, and the race detector has memory of its own")
	}
	w := newWorld(t)
	blobs := &void{}
	w.handler.Store.Blobs = blobs
	const size, recipients = 50 << 20, 24 // three times as many as are sealed at once
	first := w.account("r0@demo.test", pgp.Modern, 0)
	cert, err := pgp.ParseCert(first.Cert)
	w.must(err)
	for i := range recipients - 1 {
		acc, err := w.book.Add(context.Background(), account.New{
			Address: mail.Address{Local: fmt.Sprintf("r%d", i+1), Domain: "demo.test"}, Cert: cert, Profile: pgp.Modern, Level: pgp.Baseline})
		w.must(err)
		w.must(w.handler.Store.Welcome(context.Background(), mailstore.Owner(acc.ID), 0))
	}
	peak := watchHeap(t)
	conn, err := net.Dial("tcp", w.addr)
	w.must(err)
	defer conn.Close()
	fmt.Fprintf(conn, "HELO c\r\nMAIL FROM:<>\r\n")
	for i := range recipients {
		fmt.Fprintf(conn, "RCPT TO:<r%d@demo.test>\r\n", i)
	}
	fmt.Fprintf(conn, "DATA\r\n%s", letter)
	line := strings.Repeat("canary ", 10) + "\r\n"
	chunk := strings.Repeat(line, 1000)
	for sent := 0; sent < size; sent += len(chunk) {
		io.WriteString(conn, chunk)
	}
	io.WriteString(conn, ".\r\nQUIT\r\n")
	replies, err := io.ReadAll(conn)
	w.must(err)
	if !strings.Contains(string(replies), "250 2.0.0 stored as") {
		t.Fatalf("%s %s", replies[len(replies)-100:], w.logs)
	}
	if got := blobs.bytes.Load(); got < size*recipients {
		t.Errorf("only %d octets were stored", got)
	}
	mib := peak() >> 20
	t.Logf("at most %d MiB more than before", mib)
	if mib >= 64 {
		t.Errorf("memory grew by %d MiB", mib)
	}
}

// watchHeap returns how much the heap grew at most, garbage included, until it
// is asked.
func watchHeap(t *testing.T) func() uint64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	t.Cleanup(func() {
		select {
		case <-stop:
		default:
			close(stop)
		}
	})
	return func() uint64 {
		close(stop)
		<-done
		return most - before
	}
}

// TestWatchHeap is the control of the two tests that rely on it.
func TestWatchHeap(t *testing.T) {
	peak := watchHeap(t)
	big := make([]byte, 80<<20)
	time.Sleep(50 * time.Millisecond)
	runtime.KeepAlive(big)
	if grew := peak() >> 20; grew < 75 {
		t.Errorf("80 MiB are seen as %d", grew)
	}
}
