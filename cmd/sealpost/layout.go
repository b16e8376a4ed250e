package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealpost/storage/bolt"
)

// layout is the version of the data folder this program writes.
const layout = "6"

// A migration brings a data folder from one layout to the next. It may be broken
// off anywhere and run again.
type migration struct {
	from, to string
	about    string
	run      func(ctx context.Context, index *bolt.DB) error
}

// migrations are all there were, in their order.
var migrations = []migration{
	// Rows of accounts say how their mail leaves; those without it mean the
	// default, so nothing is rewritten. An older program would lose it.
	{"1", "2", "accounts know how their mail leaves", func(context.Context, *bolt.DB) error { return nil }},
	// The index has tables for what browsers need; opening it made them. An older
	// program would take the blobs they point at for orphans.
	{"2", "3", "there is room for what browsers keep", func(context.Context, *bolt.DB) error { return nil }},
	// The same, for the parts of files.
	{"3", "4", "there is room for files", func(context.Context, *bolt.DB) error { return nil }},
	// What a client is told that opens a mailbox stands beside its entries. An older
	// program would change those alone.
	{"4", "5", "mailboxes have sets of their messages", func(ctx context.Context, index *bolt.DB) error { return index.Enroll(ctx) }},
	// A table for what mail clients keep beside mailboxes; opening it made it. An older
	// program would leave a removed account's behind.
	{"5", "6", "mail clients may keep settings beside mailboxes", func(context.Context, *bolt.DB) error { return nil }},
}

// migrate brings the folder to this program's layout, a step at a time, each with
// a copy of the index first: letters never change, so that is what a way back needs.
func migrate(ctx context.Context, data string, index *bolt.DB, log *slog.Logger) error {
	found, err := layoutOf(data)
	for ; err == nil && found != layout; found, err = layoutOf(data) {
		m, ok := next(found)
		if !ok {
			return fmt.Errorf("%s has layout %q; this sealpost reads %q", data, found, layout)
		}
		before := filepath.Join(data, "before-layout-"+m.to)
		if err := keepBefore(ctx, before, data, index); err != nil {
			return fmt.Errorf("copy index before layout %s: %w", m.to, err)
		}
		if err := m.run(ctx, index); err != nil {
			return fmt.Errorf("bring data folder to layout %s: %w", m.to, err)
		}
		if err := writeAside(filepath.Join(data, "VERSION"), []byte(m.to+"\n"), 0o600); err != nil {
			return err
		}
		log.Info("the data folder was brought to a new layout", "layout", m.to, "because", m.about, "before", before)
	}
	return err
}

func next(from string) (migration, bool) {
	for _, m := range migrations {
		if m.from == from {
			return m, true
		}
	}
	return migration{}, false
}

func layoutOf(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, "VERSION"))
	return strings.TrimSpace(string(text)), err
}

// keepBefore copies index and version. A copy that is there whole was made by a
// migration that was broken off, and is the one to keep.
func keepBefore(ctx context.Context, before, data string, index *bolt.DB) error {
	if err := os.MkdirAll(before, 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(before, "VERSION")); err == nil {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(before, "index.db")); err != nil {
		return err
	}
	if err := index.CopyTo(ctx, filepath.Join(before, "index.db")); err != nil {
		return err
	}
	old, err := os.ReadFile(filepath.Join(data, "VERSION"))
	if err != nil {
		return err
	}
	return writeAside(filepath.Join(before, "VERSION"), old, 0o600)
}

// expiredCopies removes what migrations kept, once a month of the new layout
// shows that nobody goes back.
func expiredCopies(data string, now time.Time) error {
	old, err := filepath.Glob(filepath.Join(data, "before-layout-*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		if info, err := os.Stat(dir); err != nil || now.Sub(info.ModTime()) < 30*24*time.Hour {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
