package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/storage/postgres"
)

// Findings are what a check saw. Wrong is empty when all is well; it names ids
// and numbers, never a mail.
type Findings struct {
	Snapshots int      `json:"snapshots,omitempty"`
	Accounts  int      `json:"accounts"`
	Messages  int      `json:"messages"`
	Letters   int      `json:"letters"`
	Boxes     int      `json:"boxes"`           // of cabinets
	Parts     int      `json:"parts"`           // of files
	Bytes     int64    `json:"bytes"`           // of letters, boxes and parts
	Wrong     []string `json:"wrong,omitempty"` // at most maxWrong
	More      int      `json:"more,omitempty"`  // that are not listed
}

const maxWrong = 100

func (f *Findings) wrong(format string, args ...any) {
	if len(f.Wrong) == maxWrong {
		f.More++
		return
	}
	f.Wrong = append(f.Wrong, fmt.Sprintf(format, args...))
}

// Rooms are a live store, of whatever engines.
type Rooms struct {
	Accounts account.Store
	Index    mailstore.Index
	Cabinets cabinet.Store
	Drives   drive.Store
	Blobs    filestore.Blobs
}

// Live reads every row and every letter of a store that may be in use: each must
// be there, whole, and as long as its row says.
func Live(ctx context.Context, r Rooms, tell Tell) (Findings, error) {
	c := checker{index: r.Index, cabinets: r.Cabinets, drives: r.Drives, blobs: r.Blobs, tell: tell, read: map[filestore.ID]bool{}}
	err := c.accounts(ctx, r.Accounts)
	return c.found, err
}

// damaged says whether a row is not what its engine wrote.
func damaged(err error) bool {
	return errors.Is(err, bolt.ErrDamaged) || errors.Is(err, postgres.ErrDamaged)
}

// Copy checks every snapshot of a backup and every letter they point at.
func Copy(ctx context.Context, dir string, tell Tell) (Findings, error) {
	names, err := Snapshots(dir)
	if err != nil {
		return Findings{}, err
	}
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{})
	if err != nil {
		return Findings{}, err
	}
	defer blobs.Close()
	c := checker{blobs: blobs, tell: tell, read: map[filestore.ID]bool{}}
	for _, n := range names {
		c.found.Snapshots++
		if err := c.snapshot(ctx, filepath.Join(dir, "snapshots", n)); err != nil {
			return c.found, fmt.Errorf("snapshot %s: %w", n, err)
		}
	}
	return c.found, nil
}

type checker struct {
	index    mailstore.Index
	cabinets cabinet.Store
	drives   drive.Store
	blobs    filestore.Blobs
	tell     Tell
	found    Findings
	read     map[filestore.ID]bool // letters that were read and are whole
	total    int64

	halted bool // at a broken page
}

func (c *checker) snapshot(ctx context.Context, dir string) error {
	c.halted = false
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	for name, want := range m.Files {
		if got, err := sum(filepath.Join(dir, name)); err != nil || got != want {
			c.found.wrong("%s: %s is not what was written", filepath.Base(dir), name)
		}
	}
	db, err := bolt.Open(filepath.Join(dir, indexFile), bolt.Options{ReadOnly: true})
	if errors.Is(err, bolt.ErrDamaged) {
		c.found.wrong("%s: %v", filepath.Base(dir), err)
		return nil
	}
	if err != nil {
		return err
	}
	c.index, c.cabinets, c.drives = db.Index(), db.Cabinet(), db.Drive()
	if err := c.unbroken(dir, func() error { return c.accounts(ctx, db.Accounts()) }); err != nil || c.halted {
		return err // what halted it may hold the file
	}
	return db.Close()
}

// unbroken notes a page of the index that cannot be read: bbolt, which trusts its file,
// panics at one.
func (c *checker) unbroken(dir string, look func() error) error {
	defer func() {
		if v := recover(); v != nil {
			c.halted = true
			c.found.wrong("%s: %s has broken pages, and was read in part only", filepath.Base(dir), indexFile)
		}
	}()
	return look()
}

func readManifest(dir string) (m Manifest, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifest))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifest, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("%s has format %d; this sealpost reads %d", manifest, m.Format, format)
	}
	return m, nil
}

func (c *checker) accounts(ctx context.Context, people account.Store) error {
	all, err := people.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	for _, a := range all {
		if u, err := c.index.Usage(ctx, mailstore.Owner(a.ID)); err == nil {
			c.total += u.Messages
		}
	}
	for _, a := range all {
		c.found.Accounts++
		if err := c.account(ctx, mailstore.Owner(a.ID)); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
		if err := c.cabinet(ctx, mailstore.Owner(a.ID)); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
		if err := c.drive(ctx, drive.Owner(a.ID)); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
	}
	return nil
}

func (c *checker) account(ctx context.Context, o mailstore.Owner) error {
	boxes, err := c.index.Mailboxes(ctx, o)
	if err != nil {
		return err
	}
	c.note(ctx, o, mailstore.NoteOwner)
	c.note(ctx, o, mailstore.NoteImports)
	for _, box := range boxes {
		c.note(ctx, o, box.ID)
		sizes := map[mailstore.UID]int64{}
		var uids []mailstore.UID
		before, _ := c.index.Roster(ctx, o, box.ID)
		for e, err := range c.index.Entries(ctx, o, box.ID, 0) {
			if err != nil {
				c.found.wrong("account %s, mailbox %d: %v", o, box.ID, err)
				break
			}
			sizes[e.UID] = e.Size
			uids = append(uids, e.UID)
		}
		c.roster(ctx, o, before, uids)
		for m, err := range c.index.Mails(ctx, o, box.ID, uids) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				c.found.wrong("account %s, mailbox %d: %v", o, box.ID, err)
				break
			}
			c.mail(ctx, place{o, box.ID, m.UID}, m, sizes[m.UID])
		}
	}
	return nil
}

// roster compares the set of a mailbox's messages with its entries, unless the
// mailbox changed while they were read.
func (c *checker) roster(ctx context.Context, o mailstore.Owner, before mailstore.Roster, uids []mailstore.UID) {
	after, err := c.index.Roster(ctx, o, before.ID)
	switch {
	case damaged(err):
		c.found.wrong("account %s, mailbox %d: %v", o, before.ID, err)
	case err == nil && after.Modseq == before.Modseq && !after.UIDs.Equal(mailstore.UIDsOf(uids...)):
		c.found.wrong("account %s, mailbox %d: its set of messages and its entries differ", o, before.ID)
	}
}

// note reads what is kept beside a mailbox, or beside the account.
func (c *checker) note(ctx context.Context, o mailstore.Owner, box mailstore.MailboxID) {
	if _, err := c.index.Note(ctx, o, box); damaged(err) {
		c.found.wrong("account %s, mailbox %d: %v", o, box, err)
	}
}

// place is where a message stands.
type place struct {
	owner mailstore.Owner
	box   mailstore.MailboxID
	uid   mailstore.UID
}

func (p place) String() string {
	return fmt.Sprintf("account %s, mailbox %d, UID %d", p.owner, p.box, p.uid)
}

func (c *checker) mail(ctx context.Context, where place, m mailstore.Mail, size int64) {
	c.found.Messages++
	c.tell("reading every letter", int64(c.found.Messages), max(c.total, int64(c.found.Messages)))
	for _, l := range m.Letters {
		if l.Kind == pgp.KindMessage && pgp.ServedSize(m.Outer, m.Form, l.Size) != size {
			c.found.wrong("%s: the size in its row is not that of its letter", where)
		}
		if c.read[l.ID] {
			continue
		}
		err := c.letter(ctx, l.Ref)
		if errors.Is(err, filestore.ErrNotFound) && !c.pointsAt(ctx, where, l.ID) {
			return // it was removed since its row was read
		}
		if err != nil {
			c.found.wrong("%s: letter %d: %v", where, l.Kind, err)
			continue
		}
		c.read[l.ID] = true
		c.found.Letters, c.found.Bytes = c.found.Letters+1, c.found.Bytes+l.Size
	}
}

// pointsAt reads a message's row again.
func (c *checker) pointsAt(ctx context.Context, at place, id filestore.ID) bool {
	for m, err := range c.index.Mails(ctx, at.owner, at.box, []mailstore.UID{at.uid}) {
		if err != nil || slices.ContainsFunc(m.Letters, func(l mailstore.Stored) bool { return l.ID == id }) {
			return true
		}
	}
	return false
}

// cabinet reads every box of an account.
func (c *checker) cabinet(ctx context.Context, o mailstore.Owner) error {
	all, err := c.cabinets.List(ctx, o, 0)
	if damaged(err) {
		c.found.wrong("account %s, cabinet: %v", o, err)
		return nil
	}
	for _, b := range all.Boxes {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := c.letter(ctx, b.Blob)
		if now, _ := c.cabinets.Box(ctx, o, b.Place); errors.Is(err, filestore.ErrNotFound) && now.Blob.ID != b.Blob.ID {
			continue // it was replaced since its row was read
		}
		if err != nil {
			c.found.wrong("account %s, box at change %d: %v", o, b.Change, err)
			continue
		}
		c.found.Boxes, c.found.Bytes = c.found.Boxes+1, c.found.Bytes+b.Blob.Size
	}
	return err
}

func (c *checker) letter(ctx context.Context, l filestore.Ref) error {
	b, err := c.blobs.Open(ctx, l.ID)
	if err != nil {
		return err
	}
	defer b.Close()
	n, err := io.Copy(io.Discard, io.NewSectionReader(b, 0, b.Size()))
	if err == nil && n != l.Size {
		err = fmt.Errorf("%d bytes, and its row says %d", n, l.Size)
	}
	return err
}
