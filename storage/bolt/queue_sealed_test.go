package bolt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
)

// F01 over the queue: whatever happens to a mail, no file of it holds a word of
// its text or its envelope, and no log does.
func TestQueueIsSealed(t *testing.T) {
	t.Parallel()
	for name, strict := range map[string]bool{"sealed": false, "strict": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, key := t.TempDir(), nodekey.Random()
			var log bytes.Buffer
			s := openSpot(t, dir, key, strict)
			defer func() { s.close(t) }()
			s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			for n := range 20 {
				text := wordText("text")
				if n == 7 {
					text = strings.Repeat(word+" = ", 60_000) // a file of its own
				}
				if _, err := s.Put(t.Context(), wordMail(n), strings.NewReader(text)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Put(t.Context(), wordMail(99), brokenText{}); err == nil {
				t.Error("half a text was taken")
			}
			checkNoWord(t, dir)
			if t.Failed() {
				return
			}
			handle(t, s)
			checkNoWord(t, dir)
			if strings.Contains(log.String(), word) {
				t.Error("the log holds it")
			}
		})
	}
}

// handle does to mails whatever can be done.
func handle(t *testing.T, s *spot) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := range 12 {
		l, err := s.Take(ctx)
		must(err)
		c, err := l.Content(t.Context())
		must(err)
		text, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		must(err)
		if !bytes.Contains(text, []byte(word)) { // the control: it is all there
			t.Error("another text came back")
		}
		c.Close()
		switch n % 4 {
		case 0:
			must(l.Done(t.Context()))
		case 1:
			l.Mail.Recipient[0].Last.Text = word + " try again"
			l.Mail.Recipient[0].Next = time.Now().Add(time.Hour)
			must(l.Save(t.Context()))
		case 2:
			must(l.Release(t.Context()))
			must(s.Hold(t.Context(), l.Mail.ID, true))
		case 3:
			must(l.Release(t.Context()))
			dropped, err := s.Drop(t.Context(), l.Mail.ID)
			must(err)
			must(dropped.Done(t.Context()))
		}
	}
}

type brokenText struct{}

func (brokenText) Size() int64 { return 1 << 20 }
func (brokenText) ReadAt(p []byte, off int64) (int, error) {
	if off > 1<<19 {
		return 0, errors.New("spool is damaged")
	}
	return copy(p, strings.Repeat(word+" ", len(p)/len(word))), nil
}

// A full disk is told as such and is temporary; when there is room again the
// queue goes on, with all that was acknowledged.
func TestQueueDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skip("needs root to mount a small disk:", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	for name, strict := range map[string]bool{"sealed": false, "strict": true} {
		key := nodekey.Random()
		s := openSpot(t, filepath.Join(mkdir(t, dir, name)), key, strict)
		ballast := filepath.Join(dir, "ballast")
		fillDisk(t, ballast)
		var ids []queue.ID
		var err error
		for range 3000 {
			var id queue.ID
			if id, err = s.Put(t.Context(), wordMail(1), strings.NewReader("x")); err != nil {
				break
			}
			ids = append(ids, id)
		}
		if !errors.Is(err, filestore.ErrFull) {
			t.Errorf("%s: after %d mails: %v", name, len(ids), err)
		}
		if err := syscall.Unlink(ballast); err != nil {
			t.Fatal(err)
		}
		id, err := s.Put(t.Context(), wordMail(1), strings.NewReader("y"))
		if err != nil {
			t.Errorf("%s: there is room again: %v", name, err)
		}
		for _, id := range append(ids, id) {
			if _, err := s.Get(t.Context(), id); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.close(t)
	}
}

func mkdir(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := syscall.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// One damaged row is logged, and the others are sent; nobody sweeps texts while
// one row does not say which is its, until an operator drops it.
func TestQueueDamagedRow(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), nodekey.Random()
	s := openSpot(t, dir, key, false)
	bad, err := s.Put(t.Context(), wordMail(1), strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	good, err := s.Put(t.Context(), wordMail(2), strings.NewReader("y"))
	if err != nil {
		t.Fatal(err)
	}
	damage(t, s.rows.DB, tableQueue, []byte(bad))
	for range 2 { // as it is found while running, and at the start
		l, err := s.Take(t.Context())
		if err != nil || l.Mail.ID != good {
			t.Fatalf("took %+v, %v", l, err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m, err := s.Get(t.Context(), bad); err != nil || m.ID != bad || m.Recipient != nil {
			t.Errorf("damaged: %+v, %v", m, err)
		}
		if lost, err := s.Lost(t.Context()); err != nil || len(lost) != 0 {
			t.Errorf("a damaged row is taken for a lost text: %+v, %v", lost, err)
		}
		if _, err := s.Sweep(t.Context(), -time.Hour); !errors.Is(err, ErrDamaged) {
			t.Errorf("swept: %v", err)
		}
		s.close(t)
		s = openSpot(t, dir, key, false)
	}
	defer s.close(t)
	l, err := s.Drop(t.Context(), bad)
	if err == nil {
		err = l.Done(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), -time.Hour); n != 1 || err != nil {
		t.Errorf("%d swept, %v", n, err)
	}
	l, err = s.Take(t.Context())
	if err != nil || l.Mail.ID != good {
		t.Fatalf("took %+v, %v", l, err)
	}
	c, err := l.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// The file shrinks when mail has left, while others are put and taken.
func TestQueueCompact(t *testing.T) {
	t.Parallel()
	s := openSpot(t, t.TempDir(), nodekey.Random(), true)
	defer s.close(t)
	for range 3 {
		for n := range 50 {
			if _, err := s.Put(t.Context(), wordMail(n), strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		l, err := s.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.rows.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Done(t.Context()); err != nil {
			t.Errorf("leased over a compaction: %v", err)
		}
		for range 49 {
			l, err := s.Take(t.Context())
			if err == nil {
				err = l.Done(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if d, err := s.Depth(t.Context()); err != nil || d != (queue.Depth{}) {
		t.Errorf("%+v, %v", d, err)
	}
}
