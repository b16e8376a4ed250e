package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Moving in, backing up: what one command does with many mails, while the server
// runs.

// moving is how much is moved.
type moving struct{ mbox, maildir int } // mails

const (
	movedSize = 10 << 10
	movedIn   = "moved" // the account
)

// A span of memory: what the server and the command held at some moment.
type held struct {
	at              time.Duration // since the command began
	server, command memory
}

// A move is one import.
type move struct {
	from    string
	mails   int
	took    time.Duration
	server  time.Duration // CPU
	command time.Duration
	memory  []held
}

func (m move) rate() float64 { return perSecond(m.mails, m.took) }

// A pass is one command that reads the whole store.
type pass struct {
	name  string
	bytes int64
	took  time.Duration
	cpu   time.Duration // of server and command
}

// moves are all that was measured of them.
type moves struct {
	imports []move
	passes  []pass
}

func (r *record) measureMoves(ctx context.Context, s *site, _ string) (err error) {
	p, err := startSealpost(ctx, s, "sealpost-moving", settings{profile: "compat", people: []string{movedIn}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop(ctx)) }()
	mbox, maildir, err := s.writeArchives(r.plan.moved)
	if err != nil {
		return fmt.Errorf("write mails to move: %w", err)
	}
	for _, in := range []struct {
		name, flag, path string
		mails            int
	}{{"mbox", "--mbox", mbox, r.plan.moved.mbox}, {"Maildir", "--maildir", maildir, r.plan.moved.maildir}} {
		m, err := s.importMail(ctx, p, in.flag, in.path, in.mails)
		if err != nil {
			return fmt.Errorf("import %s: %w", in.name, err)
		}
		m.from = in.name
		r.moved.imports = append(r.moved.imports, m)
		r.say("%d mails imported from %s, %.0f/s", m.mails, m.from, m.rate())
	}
	return r.measurePasses(ctx, s, p)
}

// importMail runs the real command beside the server and watches both.
func (s *site) importMail(ctx context.Context, p *peer, flag, path string, mails int) (move, error) {
	before, err := p.inbox(ctx, s, movedIn)
	if err != nil {
		return move{}, err
	}
	m := move{mails: mails}
	m.took, m.server, m.command, m.memory, err = s.beside(ctx, p, "import", address(movedIn), "--mailbox", "INBOX",
		"--journal", filepath.Join(s.dir, "journal"), flag, path)
	if err != nil {
		return m, err
	}
	after, err := p.inbox(ctx, s, movedIn)
	if err == nil && after-before != mails {
		err = fmt.Errorf("%d of %d mails are there", after-before, mails)
	}
	return m, err
}

// measurePasses backs the store up, verifies both, and backs up again.
func (r *record) measurePasses(ctx context.Context, s *site, p *peer) error {
	backup := filepath.Join(s.dir, "backup")
	stored, err := onDisk(p.folders...)
	if err != nil {
		return err
	}
	for _, do := range []struct {
		name string
		args []string
	}{
		{"backup, the first", []string{"backup", backup}},
		{"verify the live store", []string{"verify"}},
		{"verify the backup", []string{"verify", "--backup", backup}},
		{"backup, nothing new", []string{"backup", backup}},
	} {
		pause(ctx, time.Second) // a snapshot is named by the second
		took, server, command, _, err := s.beside(ctx, p, do.args[0], do.args[1:]...)
		if err != nil {
			return fmt.Errorf("%s: %w", do.name, err)
		}
		r.moved.passes = append(r.moved.passes, pass{name: do.name, bytes: stored, took: took, cpu: server + command})
		r.say("%s: %s in %s", do.name, megabytes(stored), took.Round(time.Millisecond))
	}
	return nil
}

// beside runs a command of sealpost while its server runs, to its end.
func (s *site) beside(ctx context.Context, p *peer, verb string, args ...string) (took, server, command time.Duration, memory []held, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	log, err := os.Create(filepath.Join(s.dir, verb+".log"))
	if err != nil {
		return 0, 0, 0, nil, err
	}
	defer log.Close()
	before, err := p.group.cpu()
	if err != nil {
		return 0, 0, 0, nil, err
	}
	g := newGroup(verb)
	defer g.killRest()
	start := time.Now()
	if err := g.start(exec.Command(s.sealpost, append([]string{verb, "--config", s.config(p)}, args...)...), log); err != nil {
		return 0, 0, 0, nil, err
	}
	for ended := false; !ended; {
		select {
		case err = <-g.ended[0]:
			took, ended = time.Since(start), true
		case <-ctx.Done():
			return 0, 0, 0, nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
			memory = append(memory, held{time.Since(start), p.group.memory(), g.memory()})
		}
	}
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return 0, 0, 0, nil, fmt.Errorf("%w: %s", err, lastLine(string(text)))
	}
	after, errServer := p.group.cpu()
	command, errCommand := g.cpu()
	return took, after - before, command, memory, errors.Join(errServer, errCommand)
}

// writeArchives writes mails as other programs keep them: an mbox file (RFC 4155),
// and a Maildir.
func (s *site) writeArchives(n moving) (mbox, maildir string, err error) {
	w := newWriter(movedSize)
	next := func() []byte {
		return bytes.ReplaceAll(w.mail(movedSize, address(movedIn)), []byte("\r\n"), []byte("\n"))
	}
	mbox = filepath.Join(s.dir, "archive.mbox")
	f, err := os.Create(mbox)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	for range n.mbox {
		fmt.Fprintf(out, "From someone@far.test Mon Jan  5 08:00:00 2026\n%s\n", next())
	}
	if err := errors.Join(out.Flush(), f.Sync()); err != nil { // the import shall not wait for this to be written
		return "", "", err
	}
	for _, part := range []string{"cur", "new", "tmp"} {
		if _, err := s.folder("archive", part); err != nil {
			return "", "", err
		}
	}
	maildir = filepath.Join(s.dir, "archive")
	for i := range n.maildir {
		name := filepath.Join(maildir, "cur", fmt.Sprintf("%d.%d.far:2,S", 1767600000+i, i))
		if err := os.WriteFile(name, next(), 0o644); err != nil {
			return "", "", err
		}
	}
	return mbox, maildir, nil
}
