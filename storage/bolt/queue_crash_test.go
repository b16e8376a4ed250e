package bolt

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/cmd/sealpost/prove"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/disk"
)

const queueCrashDir = "SEALPOST_QUEUE_CRASH_DIR"

// spot is a queue on a folder, as cmd builds one.
type spot struct {
	*queue.Queue
	rows  *Queue
	blobs *disk.Blobs
}

func openSpot(t testing.TB, dir string, k *nodekey.Key, strict bool) *spot {
	t.Helper()
	blobs, err := disk.Open(filepath.Join(dir, "texts"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := OpenQueue(filepath.Join(dir, "queue.db"), k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &spot{&queue.Queue{Store: rows, Blobs: blobs, Key: k, Strict: strict}, rows, blobs}
}

func (s *spot) close(t testing.TB) {
	t.Helper()
	if err := s.rows.Close(); err != nil {
		t.Error(err)
	}
	if err := s.blobs.Close(); err != nil {
		t.Error(err)
	}
}

func spotKey(t testing.TB, dir string) *nodekey.Key {
	t.Helper()
	k, err := nodekey.Load(filepath.Join(dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// wordMail is a mail of which every word is the canary, and says its number.
func wordMail(n int) queue.Mail {
	sender := mail.Address{Local: word, Domain: "example.org"}
	rcpt := smtp.Recipient{Address: mail.Address{Local: fmt.Sprint(word, n), Domain: "example.net"}, ORcpt: word}
	return queue.Mail{
		Envelope: smtp.Envelope{From: &sender, EnvID: word}, Account: word, Outbox: word,
		Recipient: []queue.State{{Recipient: rcpt, Last: smtp.Reply{Code: 451, Text: word}, Server: word}},
	}
}

func wordText(id string) string {
	return fmt.Sprintf("Subject: %s\r\n\r\n%s %s\r\n", word, strings.Repeat(word+" ", rand.IntN(500)), id)
}

// TestQueueCrashChild is the process that TestQueueCrash kills. Each line it
// prints is something done: "+ id" a mail was put, "? id" it is about to be
// removed, "- id" it was.
func TestQueueCrashChild(t *testing.T) {
	dir := os.Getenv(queueCrashDir)
	if dir == "" {
		t.Skip("runs only as the child of TestQueueCrash")
	}
	s := openSpot(t, dir, spotKey(t, dir), false)
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Fprintf(os.Stdout, format+"\n", args...)
	}
	say("ready")
	go func() {
		for {
			s.rows.Compact(context.Background())
			s.blobs.Compact(context.Background(), 0)
			s.Sweep(context.Background(), 0)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	die := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	for range 6 {
		go func() {
			for {
				id, err := s.Put(context.Background(), wordMail(rand.IntN(100)), strings.NewReader(wordText("text")))
				die(err)
				say("+ %s", id)
			}
		}()
	}
	for range 3 {
		go func() {
			for {
				l, err := s.Take(context.Background())
				die(err)
				c, err := l.Content(context.Background())
				die(err)
				c.Close()
				if rand.IntN(3) > 0 {
					say("? %s", l.Mail.ID)
					die(l.Done(context.Background()))
					say("- %s", l.Mail.ID)
				} else {
					l.Mail.Recipient[0].Attempts++
					l.Mail.Recipient[0].Next = time.Now().Add(time.Duration(rand.IntN(100)) * time.Millisecond)
					die(l.Save(context.Background()))
				}
			}
		}()
	}
	select {} // until killed
}

// Killed at any moment, the queue holds every mail that was put and not removed,
// whole, and nothing of any stands readable in its files (F01).
func TestQueueCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := nodekey.Make(filepath.Join(dir, "node.key")); err != nil {
		t.Fatal(err)
	}
	rounds, acks, kept := 8, 0, 0
	if *long {
		rounds = 5000
	}
	known := map[string]string{} // id to the last thing said of it
	for i := range rounds {
		acks += queueCrashOnce(t, dir, known)
		if i%100 == 3 {
			checkNoWord(t, dir)
		}
		kept += checkSpot(t, dir, known)
		if t.Failed() {
			return
		}
	}
	if acks < rounds || kept == 0 {
		t.Errorf("only %d lines in %d rounds, %d mails survived", acks, rounds, kept)
	}
}

// checkNoWord looks for the canary in every file below dir.
func checkNoWord(t *testing.T, dir string) {
	t.Helper()
	r, err := prove.Scan(t.Context(), []string{dir}, []string{word})
	if err != nil || len(r.Hits) > 0 || r.Files < 2 {
		t.Errorf("%d files looked at, %v: %v", r.Files, err, r.Hits)
	}
}

func queueCrashOnce(t *testing.T, dir string, known map[string]string) (acks int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestQueueCrashChild$", "-test.timeout=60s")
	child.Env = append(os.Environ(), queueCrashDir+"="+dir)
	var errs bytes.Buffer
	child.Stderr = &errs
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
		said := strings.Fields(line)
		if len(said) != 2 {
			continue
		}
		if said[0] == "+" && known[said[1]] != "" {
			continue // taken before its Put had said so
		}
		known[said[1]] = said[0]
	}
	child.Wait()
	if code := child.ProcessState.ExitCode(); code != -1 {
		t.Fatalf("the child ended by itself, with %d: %s", code, errs.String())
	}
	return acks
}

// checkSpot opens what the kill left, compares it with what was said, and then
// empties it.
func checkSpot(t *testing.T, dir string, known map[string]string) (kept int) {
	t.Helper()
	s := openSpot(t, dir, spotKey(t, dir), false)
	defer s.close(t)
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, m := range all {
		there[string(m.ID)] = true
		if m.Account != word || len(m.Recipient) != 1 {
			t.Errorf("mail %s came back as %+v", m.ID, m)
		}
	}
	for id, said := range known {
		switch {
		case said == "+" && !there[id]:
			t.Errorf("mail %s was acknowledged and is lost", id)
		case said == "-" && there[id]:
			t.Errorf("mail %s is back", id)
		case there[id]:
			kept++
			checkText(t, s, queue.ID(id))
		}
	}
	clear(known)
	for id := range there { // what was put without a word counts from now on
		known[id] = "+"
	}
	return kept
}

func checkText(t *testing.T, s *spot, id queue.ID) {
	t.Helper()
	l, err := s.Drop(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Content(t.Context())
	if err != nil {
		t.Errorf("mail %s has no text: %v", id, err)
		return
	}
	defer c.Close()
	text, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil || !bytes.HasSuffix(text, []byte(" text\r\n")) {
		t.Errorf("mail %s has another text: %v", id, err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}
