package move

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sealpost/filestore/lease"
	"sealpost/filestore/nodekey"
	"sealpost/mailstore"
	"sealpost/pgp"
)

var (
	// ErrImporting says that an import of this owner is under way.
	ErrImporting = errors.New("an import is under way")
	// ErrBusy says that so many imports are under way that another has to wait.
	ErrBusy = errors.New("too many imports are under way")
)

// Imports are imports from other servers that owners asked for, one at a time each, by however
// many processes share the store. Its fields are set once. It holds passwords of the other
// servers while an import runs, and keeps none.
//
// How far an import is stands in a note beside the owner's mailboxes, sealed, and is put there
// in the same change as the mail: so any process knows it, and goes on exactly there. Who runs
// an import has the note as a lease. Whoever puts another one has taken it: what the first one
// brings then is refused, mail and all.
type Imports struct {
	Store  *mailstore.Store
	Seal   func(ctx context.Context, o mailstore.Owner) (pgp.Recipient, error)
	Key    *nodekey.Key // seals notes
	Alone  bool         // no other process runs imports over this store
	Folder string       // where journals are that an earlier release kept in files; they are taken over
	Spool  string       // for what is over 256 KiB, while it is sealed
	Most   int          // at a time, of everybody, in this process; 0: 4
	Log    *slog.Logger
	Now    func() time.Time // about the same for all who share the store

	claiming sync.Mutex // held while the note of another run is replaced
	mu       sync.Mutex
	self     string // which process this is; made at random
	busy     int
	runs     map[mailstore.Owner]*importing
	running  sync.WaitGroup
}

// importLease is how long an import is taken to run when nothing is heard of who runs it.
const importLease = time.Minute

// ImportState says how far an import is.
type ImportState struct {
	Since    time.Time     `json:"since"`
	Ended    time.Time     `json:"ended,omitzero"` // zero: it runs
	Done     int64         `json:"done"`           // durable here, by this run
	Total    int64         `json:"total"`          // that the other server has, 0: not known
	Behind   int64         `json:"behind"`         // could not be had or sealed
	Trouble  ImportTrouble `json:"trouble,omitempty"`
	Finished bool          `json:"finished,omitempty"` // all has arrived
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
	// Left says that the process which ran it has ended, and nobody has the password any more:
	// asked for again, it goes on.
	Left ImportTrouble = "left"
)

var errStopped = errors.New("it was stopped")

// Start begins one, or fails with ErrImporting or ErrBusy. It ends with ctx, which is
// that of the server and not of who asked.
func (i *Imports) Start(ctx context.Context, o mailstore.Owner, r Remote) error {
	ctx, stop := context.WithCancelCause(ctx)
	run := &importing{imports: i, owner: o, remote: r, stop: stop}
	if !i.admit() {
		stop(nil)
		return ErrBusy
	}
	begun := make(chan error, 2)
	i.running.Go(func() {
		defer stop(nil)
		defer i.leave(run)
		err := lease.Do(ctx, run, importLease, func(ctx context.Context, _ lease.Token) error {
			begun <- nil
			return run.fetch(ctx)
		})
		begun <- err
		if err != nil && !errors.Is(err, lease.ErrHeld) {
			i.Log.Info("an import ended early", "account", o, "why", string(troubleOf(ctx, err)))
		}
	})
	if err := <-begun; !errors.Is(err, lease.ErrHeld) {
		return err
	}
	return ErrImporting
}

func (i *Imports) admit() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.busy >= cmp.Or(i.Most, 4) {
		return false
	}
	if i.self == "" {
		i.self, i.runs = rand.Text(), map[mailstore.Owner]*importing{}
	}
	i.busy++
	return true
}

func (i *Imports) leave(run *importing) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.busy--; i.runs[run.owner] == run {
		delete(i.runs, run.owner)
	}
}

// here is the run of an owner's import in this process, or nil.
func (i *Imports) here(o mailstore.Owner) (run *importing, self string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.runs[o], i.self
}

// runsStill says whether what is noted of an owner is an import that somebody runs.
func (i *Imports) runsStill(o mailstore.Owner, n noted) bool {
	run, self := i.here(o)
	switch {
	case n.Token == 0, !n.State.Ended.IsZero():
		return false
	case n.Runner == self:
		return run != nil
	}
	return !i.Alone && i.Now().Before(n.Until)
}

// State is that of an owner's newest import, whichever process runs it; false: there was none.
func (i *Imports) State(ctx context.Context, o mailstore.Owner) (ImportState, bool, error) {
	n, _, err := i.read(ctx, o)
	if err != nil || n.Token == 0 {
		return ImportState{}, false, err
	}
	if n.State.Ended.IsZero() && !i.runsStill(o, n) {
		n.State.Ended, n.State.Trouble = n.Until, Left
		if now := i.Now(); now.Before(n.Until) {
			n.State.Ended = now
		}
	}
	return n.State, true, nil
}

// Stop ends an owner's import, whichever process runs it: nothing arrives any more when it has
// returned. What has arrived stays.
func (i *Imports) Stop(ctx context.Context, o mailstore.Owner) error {
	if run, _ := i.here(o); run != nil {
		defer run.stop(errStopped)
	}
	// Who runs it puts notes too, one with each batch: then it is tried again.
	for {
		n, was, err := i.read(ctx, o)
		if err != nil || !i.runsStill(o, n) {
			return err
		}
		n.Token++
		n.State.Ended, n.State.Trouble = i.Now(), Stopped
		if err = i.put(ctx, o, was, i.seal(o, &n)); !errors.Is(err, mailstore.ErrChanged) {
			return err
		}
	}
}

// Wait waits for the end of all that this process runs; the context of Start ends them.
func (i *Imports) Wait() { i.running.Wait() }

// troubleOf says in a word what an error means. What the other server said in its own
// words goes nowhere: it may name people.
func troubleOf(ctx context.Context, err error) ImportTrouble {
	switch {
	case err == nil:
		return NoTrouble
	case errors.Is(context.Cause(ctx), errStopped):
		return Stopped
	case ctx.Err() != nil, errors.Is(err, lease.ErrFenced):
		return Left
	case errors.Is(err, mailstore.ErrOverQuota):
		return NoRoom
	case errors.Is(err, errReach):
		return Unreachable
	case errors.Is(err, errSignIn):
		return SignInRefused
	}
	return BrokenOff
}

// journalID is the same for the same source and owner, and names neither.
func journalID(o mailstore.Owner, r Remote) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(o), strings.ToLower(r.Address), r.User}, "\x00")))
	return hex.EncodeToString(sum[:12])
}
