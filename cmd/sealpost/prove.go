package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sealpost/cmd/sealpost/prove"
	"sealpost/config"
)

type proveCommand struct {
	settingsFile
	Account string   `placeholder:"ADDRESS" help:"Send to this account, where the mails then stay. Without it one is made for the time of the proof."`
	Log     []string `placeholder:"FILE" type:"path" help:"A log file, or a folder of them, to look into as well; may be repeated."`
}

func (cmd proveCommand) Help() string {
	return "Sends mails that hold a word made for this moment through every way in of the running server, then looks for " +
		"that word in every file of the data folder, the logs and temporary space: as it is, in UTF-16, hex, base64, " +
		"quoted-printable and percent encoding, and inside compressed streams. Prints what was looked at and found, and " +
		"what this cannot show. Exit code 1 on any find, and when something could not be tried."
}

// A proof is one run of prove.
type proof struct {
	settings config.Config
	word     string // the canary: random, so it stands nowhere by chance
	to       subject
	began    time.Time
	out      io.Writer
	status   *statusLine
	stored   int      // mails that were accepted
	faults   []string // what could not be tried or shown
}

func (cmd proveCommand) Run(ctx context.Context, c console) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	for _, log := range cmd.Log {
		if _, err := os.Stat(log); err != nil {
			return fmt.Errorf("look at log: %w", err)
		}
	}
	if err := askServer(ctx, settings.Data, "account.list", strings.NewReader("{}"), io.Discard); err != nil {
		if errors.Is(err, errNoServer) {
			return errors.New("prove needs the server running: nobody answers at its control socket")
		}
		return err
	}
	p := &proof{settings: settings, word: newCanary(), began: time.Now(), out: c.Out, status: newStatusLine(c.Err)}
	if p.to, err = chooseSubject(ctx, cmd.Config, settings, cmd.Account); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.to.leave(context.WithoutCancel(ctx)))
	}()
	p.send(ctx)
	p.control(ctx)
	return p.judge(ctx, cmd.Log)
}

// newCanary makes a word of letters and digits that nobody ever wrote.
func newCanary() string {
	var b [15]byte
	rand.Read(b[:])
	return "Canary" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// judge looks and says what was found.
func (p *proof) judge(ctx context.Context, logs []string) error {
	places := p.places(logs)
	fmt.Fprintln(p.out, "\nLooked at:")
	var found []prove.Hit
	for _, place := range places {
		r, err := prove.ScanWith(ctx, place.roots, []string{p.word}, prove.Options{Since: place.since, Tell: p.status.scanned})
		p.status.clear()
		if err != nil {
			return fmt.Errorf("look at %s: %w", place.name, err)
		}
		fmt.Fprintf(p.out, "  %s: %s, %s", place.name, counting(int64(r.Files), "file"), readable(r.Bytes))
		if r.Older > 0 {
			fmt.Fprintf(p.out, "; %s did not change since the proof began", counting(int64(r.Older), "other"))
		}
		fmt.Fprintln(p.out)
		for _, name := range r.Unread {
			p.fault("not readable: " + name)
		}
		found = append(found, r.Hits...)
	}
	if len(logs) == 0 {
		fmt.Fprintln(p.out, "  No log was named (--log FILE): if what the server says is kept somewhere else, name it.")
	}
	return p.verdict(found)
}

func (p *proof) verdict(found []prove.Hit) error {
	fmt.Fprintln(p.out, "\nFound:")
	for _, h := range found {
		fmt.Fprintln(p.out, "  "+h.String())
	}
	if len(found) == 0 {
		fmt.Fprintln(p.out, "  Nothing: the word stands in none of these files, in none of the forms.")
	}
	if len(p.faults) > 0 {
		fmt.Fprintln(p.out, "\nNot tried or not shown:")
		for _, f := range p.faults {
			fmt.Fprintln(p.out, "  "+f)
		}
	}
	fmt.Fprint(p.out, cannotProve)
	switch {
	case len(found) > 0:
		return fmt.Errorf("the canary was found in %s", counting(int64(len(found)), "place"))
	case len(p.faults) > 0:
		return errors.New("nothing was found, but not everything could be looked at")
	}
	return nil
}

const cannotProve = `
What this cannot show:
  It shows that this server, as it runs now, wrote nothing readable of these mails to these files.
  Mail that arrives unencrypted is readable, at that moment, by whoever controls the live server.
  Nothing can take that power away: a changed server could copy mail in memory and send it elsewhere,
  or keep mail of chosen people, and these files would look the same. Not looked at: memory, swap,
  what other machines and other programs keep (of a cluster: its database and its buckets), raw disk
  blocks that no file owns any more, and streams that were compressed twice or begin, without a header,
  behind the first MiB of a file.
  Only encryption by the sender, or your own server, helps against the rest.
`

func (p *proof) fault(text string) { p.faults = append(p.faults, text) }

// A place is some files with one name.
type place struct {
	name  string
	roots []string
	since time.Time
}

// places are where the server writes, and where anything might.
func (p *proof) places(logs []string) []place {
	all := []place{{"the data folder " + p.settings.Data, []string{p.settings.Data}, time.Time{}}}
	if !below(p.settings.Spool.Folder, p.settings.Data) {
		all = append(all, place{"the spool folder " + p.settings.Spool.Folder, []string{p.settings.Spool.Folder}, time.Time{}})
	}
	if temp := os.TempDir(); !below(temp, p.settings.Data) {
		all = append(all, place{"temporary space " + temp, []string{temp}, p.began.Add(-time.Minute)})
	}
	for _, log := range logs {
		all = append(all, place{"the log " + log, []string{log}, time.Time{}})
	}
	open, err := openFiles(p.settings.Data)
	if err != nil {
		fmt.Fprintf(p.out, "\nThe server's open files could not be listed (%v): log and nameless files are looked at as far as named.\n", err)
	}
	if len(open) > 0 {
		all = append(all, place{"files the server has open", open, time.Time{}})
	}
	return all
}

func below(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// statusLine tells an impatient terminal how far things are.
type statusLine struct {
	w    io.Writer // nil: nobody is watching
	next chan time.Time
}

func newStatusLine(w io.Writer) *statusLine {
	s := &statusLine{next: make(chan time.Time, 1)}
	s.next <- time.Time{}
	if terminal(w) {
		s.w = w
	}
	return s
}

// scanned is called from many goroutines, often.
func (s *statusLine) scanned(files int, bytes int64) {
	if s.w == nil {
		return
	}
	select {
	case next := <-s.next:
		if now := time.Now(); now.After(next) {
			fmt.Fprintf(s.w, "\r\x1b[K%s, %s", counting(int64(files), "file"), readable(bytes))
			next = now.Add(100 * time.Millisecond)
		}
		s.next <- next
	default:
	}
}

func (s *statusLine) say(text string) {
	if s.w != nil {
		fmt.Fprint(s.w, "\r\x1b[K"+text)
	}
}

func (s *statusLine) clear() { s.say("") }
