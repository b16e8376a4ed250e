package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sealpost/smtp/mailauth"
)

// A keyRack is where DKIM keys are: files of one machine, or rows that all nodes share.
type keyRack interface {
	// all are the keys of all domains that have some.
	all(ctx context.Context) (map[string][]heldKey, error)
	// keys are those of a domain, by selector, which is by age.
	keys(ctx context.Context, domain string) ([]heldKey, error)
	// add adds an RSA and an Ed25519 key in a state, with the day in their selectors, unless
	// the domain has a key in that state.
	add(ctx context.Context, domain string, in keyState, now time.Time) (added bool, err error)
	// move has a key be in another state, since a time; zero: the time that it has.
	move(ctx context.Context, domain string, k heldKey, to keyState, since time.Time) error
	remove(ctx context.Context, domain string, k heldKey) error
	// bring adds a key of another rack as it is, unless the domain has one of that selector.
	bring(ctx context.Context, domain string, k heldKey) (added bool, err error)
	// place says where the keys of a domain are.
	place(domain string) string
}

// keyState is what a key does.
type keyState string

const (
	keySigns keyState = "signs" // or did when it is not the last of its algorithm
	keyNext  keyState = "next"  // it waits for its record
	keyOld   keyState = "old"   // it signed until the time that it has
)

// suffixes are those of its file.
var suffixes = map[keyState]string{keySigns: ".pem", keyNext: ".next", keyOld: ".old"}

func stateOf(file string) (keyState, bool) {
	for state, suffix := range suffixes {
		if filepath.Ext(file) == suffix {
			return state, true
		}
	}
	return "", false
}

// heldKey is a private key in a rack.
type heldKey struct {
	Selector string    `json:"selector"`
	State    keyState  `json:"state"`
	Since    time.Time `json:"since"` // it was made, or until it signed
	PEM      []byte    `json:"pem"`
}

// newKeys makes an RSA and an Ed25519 key. Their selectors are the day, so that the newest
// sorts last, and none of those that are there.
func newKeys(have []heldKey, in keyState, now time.Time) (made []heldKey, err error) {
	rsa, ed, err := mailauth.GenerateKeys()
	if err != nil {
		return nil, fmt.Errorf("make DKIM keys: %w", err)
	}
	day := now.UTC().Format("20060102")
	for _, k := range []struct {
		letter string
		pem    []byte
	}{{"r", rsa}, {"e", ed}} {
		name := "s" + day + k.letter
		for again := 'a'; slices.ContainsFunc(have, func(h heldKey) bool { return h.Selector == name }); again++ {
			if again > 'z' {
				return nil, errors.New("make DKIM keys: enough were made today")
			}
			name = "s" + day + k.letter + string(again)
		}
		made = append(made, heldKey{name, in, now, k.pem})
	}
	return made, nil
}

// same says whether a key is the same one, in the same state.
func (k heldKey) same(as heldKey) bool {
	return k.Selector == as.Selector && k.State == as.State && bytes.Equal(k.PEM, as.PEM)
}

func hasState(keys []heldKey, s keyState) bool {
	return slices.ContainsFunc(keys, func(k heldKey) bool { return k.State == s })
}

// folderRack is dkim.folder: the keys of a domain are DOMAIN/SELECTOR.pem, .next and .old,
// since their files were last touched.
type folderRack string

func (f folderRack) place(domain string) string { return filepath.Join(string(f), domain) }

func (f folderRack) file(domain string, k heldKey) string {
	return filepath.Join(f.place(domain), k.Selector+suffixes[k.State])
}

func (f folderRack) all(ctx context.Context) (map[string][]heldKey, error) {
	found, err := os.ReadDir(string(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read DKIM keys (dkim.folder): %w", err)
	}
	all := map[string][]heldKey{}
	for _, d := range found {
		if info, err := os.Stat(f.place(d.Name())); err != nil || !info.IsDir() {
			continue
		}
		if all[d.Name()], err = f.keys(ctx, d.Name()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (f folderRack) keys(_ context.Context, domain string) (all []heldKey, err error) {
	files, err := os.ReadDir(f.place(domain))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read DKIM keys (dkim.folder): %w", err)
	}
	for _, file := range files {
		state, is := stateOf(file.Name())
		if !is {
			continue
		}
		k := heldKey{Selector: strings.TrimSuffix(file.Name(), suffixes[state]), State: state}
		info, err := os.Stat(f.file(domain, k))
		if err == nil {
			k.Since = info.ModTime()
			k.PEM, err = os.ReadFile(f.file(domain, k))
		}
		if err != nil {
			return nil, fmt.Errorf("read DKIM keys (dkim.folder): %w", err)
		}
		all = append(all, k)
	}
	return all, nil
}

func (f folderRack) add(ctx context.Context, domain string, in keyState, now time.Time) (added bool, err error) {
	have, err := f.keys(ctx, domain)
	if err != nil || hasState(have, in) {
		return false, err
	}
	folder := f.place(domain)
	if err := makeFolderLike(folder, string(f)); err != nil {
		return false, fmt.Errorf("make folder of DKIM keys: %w", err)
	}
	made, err := newKeys(have, in, now)
	if err != nil {
		return false, err
	}
	for _, k := range made {
		if err := writeLike(f.file(domain, k), k.PEM, folder); err != nil {
			return false, fmt.Errorf("make DKIM keys: %w", err)
		}
	}
	return true, nil
}

func (f folderRack) move(_ context.Context, domain string, k heldKey, to keyState, since time.Time) error {
	from := f.file(domain, k)
	k.State = to
	err := os.Rename(from, f.file(domain, k))
	if err == nil && !since.IsZero() {
		err = os.Chtimes(f.file(domain, k), since, since)
	}
	return err
}

func (f folderRack) remove(_ context.Context, domain string, k heldKey) error {
	return os.Remove(f.file(domain, k))
}

// makeFolderLike makes a folder for the owner of another one, and that one too.
func makeFolderLike(folder, like string) error {
	if err := os.MkdirAll(like, 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return ownAs(folder, like)
}

// writeLike writes a file, for its owner alone, who is that of a folder.
func writeLike(file string, text []byte, like string) error {
	if err := writeAside(file, text, 0o600); err != nil {
		return err
	}
	return ownAs(file, like)
}

// sharedKeys are octets under names that all nodes have, and any of them may change.
type sharedKeys interface {
	Get(ctx context.Context, name string) ([]byte, error) // nil: there are none
	All(ctx context.Context) ([][]byte, error)
	Change(ctx context.Context, name string, change func(was []byte) ([]byte, error)) error
}

// sharedRack is the database of a cluster: the keys of a domain are one sealed row.
type sharedRack struct{ rows sharedKeys }

// rackRow is the JSON of it before it is sealed. Its names are the format.
type rackRow struct {
	Domain string    `json:"domain"`
	Keys   []heldKey `json:"keys"`
}

var errRackRow = errors.New("what the database has of DKIM keys is not what sealpost wrote")

func readRackRow(row []byte) (r rackRow, err error) {
	if row != nil && json.Unmarshal(row, &r) != nil { // the error would quote a key
		err = errRackRow
	}
	return r, err
}

func (s sharedRack) place(string) string { return "the database" }

func (s sharedRack) all(ctx context.Context) (map[string][]heldKey, error) {
	rows, err := s.rows.All(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string][]heldKey{}
	for _, row := range rows {
		r, err := readRackRow(row)
		if err != nil {
			return nil, err
		}
		all[r.Domain] = r.Keys
	}
	return all, nil
}

func (s sharedRack) keys(ctx context.Context, domain string) ([]heldKey, error) {
	row, err := s.rows.Get(ctx, domain)
	if err != nil {
		return nil, err
	}
	r, err := readRackRow(row)
	return r.Keys, err
}

// change has the keys of a domain be others; those that do so at once do it one by one.
func (s sharedRack) change(ctx context.Context, domain string, to func([]heldKey) ([]heldKey, error)) error {
	return s.rows.Change(ctx, domain, func(was []byte) ([]byte, error) {
		r, err := readRackRow(was)
		if err != nil {
			return nil, err
		}
		if r.Keys, err = to(r.Keys); err != nil || len(r.Keys) == 0 {
			return nil, err
		}
		r.Domain = domain
		slices.SortFunc(r.Keys, func(a, b heldKey) int { return strings.Compare(a.Selector, b.Selector) })
		row, err := json.Marshal(r)
		if err != nil {
			return nil, errRackRow
		}
		return row, nil
	})
}

func (s sharedRack) add(ctx context.Context, domain string, in keyState, now time.Time) (added bool, err error) {
	err = s.change(ctx, domain, func(have []heldKey) ([]heldKey, error) {
		if added = !hasState(have, in); !added {
			return have, nil
		}
		made, err := newKeys(have, in, now)
		return append(have, made...), err
	})
	return added, err
}

func (s sharedRack) move(ctx context.Context, domain string, k heldKey, to keyState, since time.Time) error {
	return s.one(ctx, domain, k, func(have []heldKey, i int) []heldKey {
		if have[i].State = to; !since.IsZero() {
			have[i].Since = since
		}
		return have
	})
}

func (s sharedRack) remove(ctx context.Context, domain string, k heldKey) error {
	return s.one(ctx, domain, k, func(have []heldKey, i int) []heldKey { return slices.Delete(have, i, i+1) })
}

// one changes one key. One that another node has moved or removed meanwhile is left as it is.
func (s sharedRack) one(ctx context.Context, domain string, k heldKey, to func([]heldKey, int) []heldKey) error {
	return s.change(ctx, domain, func(have []heldKey) ([]heldKey, error) {
		i := slices.IndexFunc(have, func(h heldKey) bool { return h.Selector == k.Selector && h.State == k.State })
		if i < 0 {
			return have, nil
		}
		return to(have, i), nil
	})
}
