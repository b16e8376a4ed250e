package move

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/filestore/lease"
	"sealpost/mailstore"
)

// noted is what a note says of an owner's imports.
type noted struct {
	Version int         `json:"v"`
	Token   lease.Token `json:"token"`  // grows from one run to the next; 0: there was none
	Runner  string      `json:"runner"` // which process has the newest one
	Until   time.Time   `json:"until"`  // and until when, unless more is heard of it
	State   ImportState `json:"state"`
	// Sources are what has arrived of each, the one that was used last at the end. Where they
	// are too many for a note, those that were not used for longest go.
	Sources []notedSource `json:"sources"`
}

type notedSource struct {
	Of    string       `json:"of"`
	Parts []packedPart `json:"parts"`
}

const (
	purposeImports = "imports"
	notedVersion   = 1
	sealingRoom    = 4 << 10 // octets of a note that are not those of its text, and some
)

// use takes a source to the end, and gives what has arrived of it; false: it is new.
func (n *noted) use(of string) ([]packedPart, bool) {
	var s notedSource
	at := slices.IndexFunc(n.Sources, func(s notedSource) bool { return s.Of == of })
	if at >= 0 {
		s = n.Sources[at]
		n.Sources = slices.Delete(slices.Clone(n.Sources), at, at+1)
	}
	s.Of = of
	n.Sources = append(slices.Clip(n.Sources), s)
	return s.Parts, at >= 0
}

// arrived notes what has arrived of the source that is in use.
func (n *noted) arrived(parts []packedPart) {
	last := len(n.Sources) - 1
	n.Sources = slices.Clone(n.Sources)
	n.Sources[last].Parts = parts
}

// seal makes the note. One source that is too much for it makes one that the store refuses.
func (i *Imports) seal(o mailstore.Owner, n *noted) []byte {
	for {
		text, err := json.Marshal(n)
		if err != nil {
			panic(err) // nothing in it can fail
		}
		if len(text) <= mailstore.MaxNote-sealingRoom || len(n.Sources) <= 1 {
			return i.Key.Seal(purposeImports, string(o), text)
		}
		n.Sources = n.Sources[1:]
	}
}

// read gives what is noted of an owner, and the note as it is stored. One that cannot be read,
// as under another node key, says nothing, and is replaced.
func (i *Imports) read(ctx context.Context, o mailstore.Owner) (n noted, sealed []byte, err error) {
	sealed, err = i.Store.Index.Note(ctx, o, mailstore.NoteImports)
	if err != nil {
		return noted{}, nil, fmt.Errorf("read how far imports are: %w", err)
	}
	if len(sealed) == 0 {
		return noted{Version: notedVersion}, nil, nil
	}
	text, err := i.Key.Open(purposeImports, string(o), sealed)
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err == nil && n.Version != notedVersion {
		return noted{}, nil, fmt.Errorf("what is noted of imports has version %d: expected %d", n.Version, notedVersion)
	}
	if err != nil {
		i.Log.Warn("how far imports were cannot be read: they begin anew", "account", o, "error", err)
		n = noted{Version: notedVersion}
	}
	return n, sealed, nil
}

// put puts a note in the place of another one, or fails with mailstore.ErrChanged.
func (i *Imports) put(ctx context.Context, o mailstore.Owner, was, now []byte) error {
	_, err := i.Store.Index.Apply(ctx, o, []mailstore.Change{mailstore.Note{Box: mailstore.NoteImports, Was: was, Now: now}})
	if err != nil {
		return fmt.Errorf("note how far an import is: %w", err)
	}
	return nil
}

// settleTime bounds finding out what became of a change that nobody answered.
const settleTime = 30 * time.Second

// stands says what became of a note that was put with an error: nil, if it is there after all,
// or lease.ErrFenced, if somebody else's is.
func (i *Imports) stands(ctx context.Context, o mailstore.Owner, was, now []byte, failure error) error {
	switch {
	case errors.Is(failure, mailstore.ErrChanged):
		return errors.Join(lease.ErrFenced, failure)
	case failure == nil, mailstore.Refused(failure):
		return failure
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	there, err := i.Store.Index.Note(ctx, o, mailstore.NoteImports)
	switch {
	case err != nil:
		return errors.Join(failure, err)
	case bytes.Equal(there, now):
		return nil
	case !bytes.Equal(there, was):
		return errors.Join(lease.ErrFenced, failure)
	}
	return failure
}
