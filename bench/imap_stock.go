package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stock fills the mailboxes that are read: mails of 4 KB by the usual way in, half of
// them seen, and large mailboxes as copies of them, whose mails share their bytes.
func (d *door) stock(ctx context.Context, s *site, p imapPlan, say func(string, ...any)) error {
	if _, err := d.fill(ctx, s, 4<<10, p.mails); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	r, _, err := d.open(ctx, s, owner, "INBOX")
	if err != nil {
		return err
	}
	defer r.close()
	caps, err := r.command("CAPABILITY")
	if err != nil {
		return err
	}
	d.offers = strings.Join(caps.lines, " ")
	if _, err := r.command(fmt.Sprintf(`STORE 1:%d +FLAGS.SILENT (\Seen)`, p.mails/2)); err != nil {
		return err
	}
	for _, size := range slices.Concat(p.lists, p.opened) {
		if d.most > 0 && size > d.most {
			continue
		}
		start := time.Now()
		if d.shelve == nil {
			err = r.multiply(boxOf(size), p.mails, size, func(n int) { say("%s: %s of %s copied", d.name, grouped(n), grouped(size)) })
		} else {
			err = d.shelve(size)
		}
		if err != nil {
			return err
		}
		say("%s: a mailbox of %s is filled, in %s", d.name, grouped(size), time.Since(start).Round(time.Millisecond))
	}
	return d.stockWaiting(ctx, s)
}

// toldEvery is after how many copies it is said how far a mailbox is filled.
const toldEvery = 100_000

// multiply copies the selected mailbox into another one until that has so many.
func (r *reader) multiply(box string, have, want int, told func(int)) error {
	if _, err := r.command("CREATE " + box); err != nil {
		return err
	}
	for copied := 0; copied < want; {
		n := min(have, want-copied)
		if _, err := r.command(fmt.Sprintf("COPY 1:%d %s", n, box)); err != nil {
			return err
		}
		if copied += n; copied/toldEvery > (copied-n)/toldEvery {
			told(copied)
		}
	}
	return nil
}

// stockWaiting gives a mail to everybody whose waiting connections are woken.
func (d *door) stockWaiting(ctx context.Context, s *site) error {
	mail := newWriter(1).mail(4<<10, address("u00"))
	for _, user := range users()[:mailboxes] {
		r, _, err := d.open(ctx, s, user, "")
		if err != nil {
			return err
		}
		err = r.appendMail("INBOX", mail)
		r.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// linkMaildir makes a mailbox of links to INBOX's mails, as COPY would, which takes
// Dovecot long for a million.
func linkMaildir(home, box string, size int) error {
	var files []string
	for _, folder := range []string{"cur", "new"} {
		names, err := entryNames(filepath.Join(home, folder))
		if err != nil {
			return err
		}
		for _, name := range names {
			files = append(files, filepath.Join(home, folder, name))
		}
	}
	if len(files) == 0 {
		return errors.New("INBOX is empty")
	}
	slices.Sort(files)
	top := filepath.Join(home, "."+box)
	folders := []string{top}
	for _, folder := range []string{"cur", "new", "tmp"} {
		folders = append(folders, filepath.Join(top, folder))
		if err := os.MkdirAll(filepath.Join(top, folder), 0o700); err != nil {
			return err
		}
	}
	for i := range size {
		from := files[i%len(files)]
		_, rest, _ := strings.Cut(filepath.Base(from), ",") // sizes and flags
		if !strings.Contains(rest, ":") {
			rest += ":2,"
		}
		if err := os.Link(from, filepath.Join(top, "cur", fmt.Sprintf("%d.M%dP1.bench,%s", 1_700_000_000+i, i, rest))); err != nil {
			return err
		}
	}
	return ownLike(home, folders...)
}

// forget removes what the server keeps of mailboxes that it has seen.
func (d *door) forget() error {
	var errs []error
	for _, pattern := range d.unseen {
		names, err := filepath.Glob(pattern)
		errs = append(errs, err)
		for _, name := range names {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}
