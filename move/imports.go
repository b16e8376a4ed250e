package move

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

var (
	// ErrImporting says that an import of this owner is under way.
	ErrImporting = errors.New("an import is under way")
	// ErrBusy says that so many imports are under way that another has to wait.
	ErrBusy = errors.New("too many imports are under way")
)

// Imports are imports from other servers that owners asked for, one at a time each.
// Its fields are set once. It holds passwords of the other servers while an import
// runs, and keeps none.
type Imports struct {
	Store  *mailstore.Store
	Seal   func(ctx context.Context, o mailstore.Owner) (pgp.Recipient, error)
	Folder string // for journals: positions by mailbox, and nothing of a mail
	Spool  string // for what is over 256 KiB, while it is sealed
	Most   int    // at a time, of everybody; 0: 4
	Log    *slog.Logger
	Now    func() time.Time

	mu      sync.Mutex
	runs    map[mailstore.Owner]*importing
	running sync.WaitGroup
}

// ImportState says how far an import is.
type ImportState struct {
	Since    time.Time
	Ended    time.Time // zero: it runs
	Done     int64     // durable here, by this run
	Total    int64     // that the other server has, 0: not known
	Behind   int64     // could not be had or sealed
	Trouble  ImportTrouble
	Finished bool // all has arrived
}

// ImportTrouble says in a word why an import ended early.
type ImportTrouble string

const (
	NoTrouble     ImportTrouble = ""
	Unreachable   ImportTrouble = "unreachable" // the other server
	SignInRefused ImportTrouble = "sign-in"     // it refused the name or password
	NoRoom        ImportTrouble = "over-quota"
	Stopped       ImportTrouble = "stopped"
	BrokenOff     ImportTrouble = "broken-off" // asked for again, it goes on
)

type importing struct {
	state ImportState
	stop  context.CancelFunc
}

// Start begins one, or fails with ErrImporting or ErrBusy. It ends with ctx, which is
// that of the server and not of who asked.
func (i *Imports) Start(ctx context.Context, o mailstore.Owner, r Remote) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.runs == nil {
		i.runs = map[mailstore.Owner]*importing{}
	}
	busy := 0
	for _, run := range i.runs {
		if run.state.Ended.IsZero() {
			busy++
		}
	}
	if old := i.runs[o]; old != nil && old.state.Ended.IsZero() {
		return ErrImporting
	}
	if busy >= cmp.Or(i.Most, 4) {
		return ErrBusy
	}
	ctx, stop := context.WithCancel(ctx)
	run := &importing{state: ImportState{Since: i.Now()}, stop: stop}
	i.runs[o] = run
	i.running.Go(func() {
		defer stop()
		i.end(ctx, o, run, i.run(ctx, o, r, run))
	})
	return nil
}

// State is that of an owner's newest import; false: there was none since the start.
func (i *Imports) State(o mailstore.Owner) (ImportState, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	run := i.runs[o]
	if run == nil {
		return ImportState{}, false
	}
	return run.state, true
}

// Stop ends an owner's import; what has arrived stays.
func (i *Imports) Stop(o mailstore.Owner) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if run := i.runs[o]; run != nil {
		run.stop()
	}
}

// Wait waits for the end of all; the context of Start ends them.
func (i *Imports) Wait() { i.running.Wait() }

func (i *Imports) end(ctx context.Context, o mailstore.Owner, run *importing, err error) {
	if err != nil {
		i.Log.Info("an import ended early", "account", o, "why", string(troubleOf(ctx, err)))
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	run.state.Ended = i.Now()
	run.state.Trouble = troubleOf(ctx, err)
	run.state.Finished = err == nil && run.state.Behind == 0
}

// troubleOf says in a word what an error means. What the other server said in its own
// words goes nowhere: it may name people.
func troubleOf(ctx context.Context, err error) ImportTrouble {
	switch {
	case err == nil:
		return NoTrouble
	case ctx.Err() != nil:
		return Stopped
	case errors.Is(err, mailstore.ErrOverQuota):
		return NoRoom
	case errors.Is(err, errReach):
		return Unreachable
	case errors.Is(err, errSignIn):
		return SignInRefused
	}
	return BrokenOff
}

func (i *Imports) run(ctx context.Context, o mailstore.Owner, r Remote, run *importing) error {
	if err := os.MkdirAll(i.Folder, 0o700); err != nil {
		return fmt.Errorf("make folder for journals: %w", err)
	}
	id := journalID(o, r)
	j, err := OpenJournal(filepath.Join(i.Folder, id), id)
	if err != nil {
		return err
	}
	to, err := i.Seal(ctx, o)
	if err != nil {
		return errors.Join(err, j.Close())
	}
	total, _ := r.Total(ctx)
	i.note(run, func(s *ImportState) { s.Total = total })
	f := fetching{imports: i, run: run, journal: j}
	im := Importer{Store: i.Store, Owner: o, To: to, Look: mail.DefaultLimits, Now: i.Now}
	_, err = im.Run(ctx, f.arriving(ctx, r), f.done)
	// The journal stays when all has arrived: who asks again wants what came there since.
	return errors.Join(err, j.Close())
}

func (i *Imports) note(run *importing, change func(*ImportState)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&run.state)
}

// journalID is the same for the same source and owner, and names neither.
func journalID(o mailstore.Owner, r Remote) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(o), strings.ToLower(r.Address), r.User}, "\x00")))
	return hex.EncodeToString(sum[:12])
}

// fetching joins a source to an Importer, and notes what is durable.
type fetching struct {
	imports *Imports
	run     *importing
	journal *Journal

	mu    sync.Mutex
	sent  []Position
	first int // number of sent[0]
}

// arriving reads the source's messages into spools.
func (f *fetching) arriving(ctx context.Context, r Remote) iter.Seq2[Arriving, error] {
	return func(yield func(Arriving, error) bool) {
		for m, err := range r.Messages(ctx, f.journal) {
			var in Arriving
			if err == nil {
				in, err = f.read(ctx, m)
			}
			var bad *Bad
			if errors.As(err, &bad) {
				if err = f.behind(bad.Position); err == nil {
					continue
				}
			}
			if err != nil {
				yield(Arriving{}, err)
				return
			}
			f.mu.Lock()
			f.sent = append(f.sent, m.Position)
			f.mu.Unlock()
			if !yield(in, nil) {
				return
			}
		}
	}
}

func (f *fetching) read(ctx context.Context, m Message) (Arriving, error) {
	text, err := m.Open(ctx)
	if err != nil {
		return Arriving{}, &Bad{Position: m.Position, Err: err}
	}
	defer text.Close()
	s := spool.New(f.imports.Spool, importMemory, 2*MaxMessage)
	if _, err := io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{text}); err != nil {
		s.Close()
		return Arriving{}, &Bad{Position: m.Position, Err: err}
	}
	return Arriving{m.Mailbox, m.Flags, m.Received, s}, nil
}

func (f *fetching) behind(ps ...Position) error {
	f.imports.note(f.run, func(s *ImportState) { s.Behind += int64(len(ps)) })
	return f.journal.Behind(ps...)
}

// done notes that the first n messages need not come again, but for those that failed.
func (f *fetching) done(n int, failed []int) error {
	f.mu.Lock()
	var arrived, behind []Position
	for k := f.first; k < n; k++ {
		p := f.sent[k-f.first]
		if slices.Contains(failed, k) {
			behind = append(behind, p)
		} else {
			arrived = append(arrived, p)
		}
	}
	f.sent, f.first = f.sent[n-f.first:], n
	f.mu.Unlock()
	f.imports.note(f.run, func(s *ImportState) { s.Done += int64(len(arrived)) })
	return errors.Join(f.behind(behind...), f.journal.Add(arrived...))
}
