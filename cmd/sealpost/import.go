package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sealpost/move"
)

type importCommand struct {
	settingsFile
	Address  string   `arg:"" help:"The account that gets the mail."`
	Mbox     []string `type:"existingfile" placeholder:"FILE" help:"Mbox files (also Google's export); each becomes a mailbox of its name, unless --mailbox says which."`
	Maildir  string   `type:"existingdir" placeholder:"DIR" help:"A Maildir, with the folders below it."`
	Imap     string   `placeholder:"HOST[:PORT]" help:"Another IMAP server, TLS from the first byte (port 993)."`
	StartTLS bool     `name:"starttls" help:"Use STARTTLS with --imap (port 143)."`
	User     string   `placeholder:"NAME" help:"User name there (default: the address)."`
	Password string   `name:"password-file" type:"existingfile" placeholder:"FILE" help:"Password there; without it the terminal is asked."`
	Skip     []string `placeholder:"MAILBOX" help:"Mailboxes there to leave out."`
	Mailbox  string   `placeholder:"NAME" help:"Mailbox for an mbox, or for the topmost folder of a Maildir (default: INBOX)."`
	Journal  string   `type:"path" placeholder:"FILE" help:"Remembers what has arrived, so that the same command goes on where it was broken off (default: ${default})." default:"sealpost-import.journal"`
}

func (cmd importCommand) Help() string {
	return "Reads mail, seals each message to the account's key, and stores it with its date, flags and mailbox. Nothing is " +
		"changed at the source, and nothing readable is written here. Broken off, run it again: it goes on."
}

func (cmd importCommand) Run(ctx context.Context, c console) error {
	sources, err := cmd.sources(ctx, c)
	if err != nil {
		return err
	}
	j, err := move.OpenJournal(cmd.Journal, cmd.identity())
	if err != nil {
		return err
	}
	alone, err := standIn(ctx, cmd.Config)
	if err != nil {
		return errors.Join(err, j.Close())
	}
	start := time.Now()
	sum, bad, err := cmd.carry(ctx, c, sources, j)
	if err != nil {
		err = fmt.Errorf("%w\n%s stored so far; the same command goes on from there", err, counting(int64(sum.Messages), "message"))
		return errors.Join(aloneMay(alone, err), j.Close())
	}
	took := time.Since(start)
	fmt.Fprintf(c.Out, "%s (%s) sealed and stored in %s, %.0f a second\n", counting(int64(sum.Messages), "message"), readable(sum.Bytes),
		took.Round(10*time.Millisecond), float64(sum.Messages)/took.Seconds())
	if len(bad) > 0 {
		return errors.Join(fmt.Errorf("%s could not be read or sealed and stayed behind:\n%s", counting(int64(len(bad)), "message"), strings.Join(bad, "\n")), j.Close())
	}
	return j.Finish()
}

// carry brings the mail of all sources, and names what stayed behind.
func (cmd importCommand) carry(ctx context.Context, c console, sources []move.Source, j *move.Journal) (sum move.Report, bad []string, err error) {
	for _, s := range sources {
		one := ferry{source: s, journal: j, file: cmd.Config, address: cmd.Address, bar: newBar(c)}
		r, err := one.run(ctx)
		sum.Messages, sum.Bytes = sum.Messages+r.Messages, sum.Bytes+r.Bytes
		bad = append(bad, one.bad...)
		if err != nil {
			return sum, bad, err
		}
	}
	return sum, bad, nil
}

// identity is the same for the same mail to the same account only, so that a journal
// in the same place makes nobody miss mail; it names neither.
func (cmd importCommand) identity() string {
	what := []string{strings.ToLower(cmd.Address), cmd.Imap, cmd.User, cmd.Mailbox, absolute(cmd.Maildir)}
	for _, f := range cmd.Mbox {
		what = append(what, absolute(f))
	}
	sum := sha256.Sum256([]byte(strings.Join(what, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); path != "" && err == nil {
		return whole
	}
	return path
}

// sources are what the flags name: one kind, and something.
func (cmd importCommand) sources(ctx context.Context, c console) (all []move.Source, err error) {
	kinds := 0
	for _, given := range []bool{len(cmd.Mbox) > 0, cmd.Maildir != "", cmd.Imap != ""} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return nil, errors.New("expected one of --mbox FILE, --maildir DIR, --imap HOST")
	}
	switch {
	case cmd.Maildir != "":
		return []move.Source{move.Maildir{Folder: cmd.Maildir, Mailbox: orInbox(cmd.Mailbox)}}, nil
	case cmd.Imap != "":
		r, err := remote(ctx, c, cmd.Imap, cmd.StartTLS, orElse(cmd.User, cmd.Address), cmd.Password)
		r.Skip = cmd.Skip
		return []move.Source{r}, err
	}
	for _, f := range cmd.Mbox {
		box := cmd.Mailbox
		if box == "" {
			box = mboxName(f)
		}
		all = append(all, move.Mbox{File: f, Mailbox: box})
	}
	return all, nil
}

func orInbox(name string) string { return orElse(name, "INBOX") }

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// mboxName is the mailbox an mbox file stands for: its name without ".mbox".
func mboxName(file string) string {
	if name, ours := move.OwnMbox(file); ours {
		return name
	}
	name := strings.TrimSuffix(filepath.Base(file), ".mbox")
	if strings.EqualFold(name, "inbox") || name == "mbox" || strings.HasPrefix(name, "All mail") {
		return "INBOX"
	}
	return name
}

// remote signs in nowhere yet; it finds the password.
func remote(ctx context.Context, c console, at string, startTLS bool, user, passwordFile string) (move.Remote, error) {
	port := ":993"
	if startTLS {
		port = ":143"
	}
	if !strings.Contains(at, ":") {
		at += port
	}
	r := move.Remote{Address: at, StartTLS: startTLS, User: user}
	word, err := secretFrom(ctx, c, passwordFile, "Password of "+user+": ", "expected --password-file: there is no terminal to ask for the password")
	r.Password = string(word)
	return r, err
}

// onTheWay bounds the messages that were sent and are not yet known to be durable:
// so many come twice when one end dies, and no more.
const onTheWay = 128

// A ferry carries one source to the server, and notes what has arrived.
type ferry struct {
	source        move.Source
	journal       *move.Journal
	file, address string
	bar           *bar
	bad           []string
	room          chan struct{} // holds one for each message on the way

	mu      sync.Mutex
	sent    []move.Position // not yet noted
	noted   int             // how many were, before them
	read    int64           // units of the source's total
	total   int64
	failure error // of the source
}

func (f *ferry) run(ctx context.Context) (r move.Report, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.room = make(chan struct{}, onTheWay)
	f.total, _ = f.source.Total(ctx)
	body, feed := io.Pipe()
	answers, answer := io.Pipe()
	var both sync.WaitGroup
	defer both.Wait()
	defer cancel()
	both.Go(func() { feed.CloseWithError(f.feed(ctx, feed)) })
	ended := make(chan error, 1)
	both.Go(func() {
		err := convey(ctx, f.file, "mail.import", body, answer)
		body.CloseWithError(errNoMore)
		answer.CloseWithError(err)
		ended <- err
	})
	r, err = f.listen(answers)
	answers.Close()
	f.bar.clear()
	if err != nil {
		cancel()
	}
	if failed := <-ended; err == nil || !errors.Is(failed, context.Canceled) { // which only follows from err
		err = errors.Join(err, failed)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure != nil && (err == nil || !errors.Is(f.failure, errNoMore)) {
		return r, f.failure
	}
	return r, err
}

// errNoMore is what the sending half meets once the server has said its last word.
// That word is the reason, where there is one.
var errNoMore = errors.New("the server takes no more")

// feed writes all messages of the source.
func (f *ferry) feed(ctx context.Context, to io.Writer) error {
	wish, err := json.Marshal(wantedImport{f.address})
	if err != nil {
		return err
	}
	if _, err := to.Write(append(wish, '\n')); err != nil {
		return err
	}
	frames := move.NewFrameWriter(to)
	for m, err := range f.source.Messages(ctx, f.journal) {
		if err == nil {
			err = f.send(ctx, frames, m)
		}
		var bad *move.Bad
		if errors.As(err, &bad) {
			f.complain(bad.Position, bad.Err.Error())
			err = f.journal.Behind(bad.Position)
		}
		if err != nil {
			return f.fail(err)
		}
	}
	return frames.Close()
}

func (f *ferry) fail(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure == nil && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, context.Canceled) {
		f.failure = err
	}
	return err
}

func (f *ferry) send(ctx context.Context, to *move.FrameWriter, m move.Message) error {
	text, err := m.Open(ctx)
	if err != nil {
		return &move.Bad{Position: m.Position, Err: err}
	}
	defer text.Close()
	if err := f.wait(ctx, to); err != nil {
		return err
	}
	f.mu.Lock()
	f.sent = append(f.sent, m.Position)
	f.read += m.Size
	f.mu.Unlock()
	return to.Write(m, text)
}

// wait makes sure that there is room for one message more.
func (f *ferry) wait(ctx context.Context, to *move.FrameWriter) error {
	select {
	case f.room <- struct{}{}:
		return nil
	default:
	}
	if err := to.Flush(); err != nil { // what is held back never becomes durable
		return err
	}
	select {
	case f.room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// listen notes what the server says is durable.
func (f *ferry) listen(from io.Reader) (r move.Report, err error) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var line spoken[move.Report]
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return r, fmt.Errorf("read the answer: %w", err)
		}
		switch {
		case line.Error != "":
			return r, errors.New(line.Error)
		case line.Step != nil:
			r.Failed = append(r.Failed, line.Step.Failed...)
			r.Messages = int(line.Step.Done) - len(r.Failed)
			err = f.note(int(line.Step.Done), line.Step.Failed)
		case line.Answer != nil:
			return *line.Answer, nil
		}
		if err != nil {
			return r, err
		}
	}
	return r, errors.New("the server broke off: its log may say why")
}

// note keeps how many messages, from the first on, need not come again, and which
// of them could not be sealed.
func (f *ferry) note(done int, failed []int) error {
	behind, arrived := f.tell(done, failed)
	n := len(behind) + len(arrived)
	if n == 0 {
		return nil
	}
	for _, p := range behind {
		f.complain(p, "could not be sealed")
	}
	err := errors.Join(f.journal.Behind(behind...), f.journal.Add(arrived...))
	for range n {
		<-f.room
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bar.show(step{What: "sealing and storing", Done: min(f.read, f.total), Of: f.total})
	return err
}

// tell takes the messages that are done from those that were sent, and tells those that
// have arrived from those that the server could not seal.
func (f *ferry) tell(done int, failed []int) (behind, arrived []move.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := max(0, min(done-f.noted, len(f.sent)))
	for i, p := range f.sent[:n] {
		if slices.Contains(failed, f.noted+i) {
			behind = append(behind, p)
		} else {
			arrived = append(arrived, p)
		}
	}
	f.sent, f.noted = f.sent[n:], f.noted+n
	return behind, arrived
}

// complain names a message that stayed behind.
func (f *ferry) complain(p move.Position, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = append(f.bad, fmt.Sprintf("  %s %d%s: %s", p.Part, p.Place, p.Name, why))
}
