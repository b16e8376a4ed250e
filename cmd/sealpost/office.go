package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/config"
	"sealpost/filestore/drive"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/smtp/outbound/queue"
)

// An office is everything that is kept, with its doors closed: the server opens
// them, a command does its work and leaves. Only one process can hold a data folder.
type office struct {
	settings config.Config
	book     *account.Book
	store    *mailstore.Store
	desk     *signin.Desk
	files    *drive.Drive
	log      *slog.Logger
	*vault
	// drop takes a mail out of the queue, and may tell its sender; nil where nothing
	// is sent.
	drop func(ctx context.Context, id queue.ID, tell bool) (told bool, err error)
	// readAgain reads again what may change while connections stay; nil without a server.
	readAgain func(context.Context) reloadView
	// leave has the server stop, and says in how long its doors close; nil without one.
	leave func() time.Duration
}

func openOffice(ctx context.Context, settings config.Config, log *slog.Logger) (*office, error) {
	return openOfficeOn(ctx, settings, log, openEngines)
}

// opener opens what an office stands on.
type opener func(context.Context, config.Config, *slog.Logger) (*engines, error)

func openOfficeOn(ctx context.Context, settings config.Config, log *slog.Logger, open opener) (*office, error) {
	if err := prepareFolder(settings.Data); err != nil {
		return nil, fmt.Errorf("prepare data folder: %w", err)
	}
	if err := os.MkdirAll(settings.Spool.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	e, err := open(ctx, settings, log)
	if err != nil {
		return nil, err
	}
	o := &office{settings: settings, log: log, vault: newVault(e, settings, log)}
	err = o.furnish()
	if err == nil {
		err = o.join(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func (o *office) furnish() (err error) {
	o.book = account.NewBook(o.accounts, o.settings.Domains, o.secret, time.Now)
	o.book.Quota = o.settings.Accounts.Quota
	if o.settings.Postmaster != "" {
		if o.book.Postmaster, err = mail.ParseAddress(o.settings.Postmaster); err != nil {
			return fmt.Errorf("postmaster: %w", err)
		}
	}
	o.store = &mailstore.Store{
		Index: o.index,
		Blobs: o.blobs,
		Bus:   new(notify.Bus),
		Log:   o.log,
		Now:   time.Now,
	}
	o.book.Bus = o.store.Bus
	o.files = o.newDrive()
	o.desk = &signin.Desk{
		Store: o.signIns, Book: o.book, Key: o.key, Secret: o.secret, Log: o.log, Now: time.Now, Bus: o.store.Bus,
		Welcome: func(ctx context.Context, a account.Account) error { return o.store.Welcome(ctx, owner(a), a.Quota) },
	}
	o.book.Entered = func(ctx context.Context, e account.Entrant, door string, host netip.Addr) {
		o.desk.NoteUse(ctx, e.ID, e.Password, door, host)
	}
	return err
}

// prepareFolder makes the data folder, for its owner's eyes only, and checks
// that this program understands what is in it.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "VERSION")
	found, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return writeAside(file, []byte(layout+"\n"), 0o600)
	}
	if err != nil {
		return err
	}
	v := strings.TrimSpace(string(found))
	if _, old := next(v); v != layout && !old {
		return fmt.Errorf("%s says %q; this sealpost reads %q", file, v, layout)
	}
	return nil
}

// notLost refuses to begin a new index beside mail: it would know of no account,
// bounce what arrives, and have the sweeper take the mail for orphans.
func notLost(index, blobs string) error {
	if info, err := os.Stat(index); err == nil && info.Size() > 0 {
		return nil
	}
	return filepath.WalkDir(blobs, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() == 0 { // a lock
			return err
		}
		return fmt.Errorf("%s is missing or empty, and there is mail in %s: put the index back (or, to begin anew, move the mail away)", index, blobs)
	})
}

// heal finishes what a crash broke off between the account book and the store:
// an account without mailboxes, which would get no mail, or an old quota.
func (o *office) heal(ctx context.Context) error {
	all, err := o.book.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		if err := o.mend(ctx, a); err != nil {
			return fmt.Errorf("look after account %s: %w", a.ID, err)
		}
	}
	return nil
}

func (o *office) mend(ctx context.Context, a account.Account) error {
	boxes, err := o.store.Index.Mailboxes(ctx, owner(a))
	if err != nil {
		return fmt.Errorf("list mailboxes: %w", err)
	}
	if len(boxes) == 0 {
		return o.store.Welcome(ctx, owner(a), a.Quota)
	}
	usage, err := o.store.Index.Usage(ctx, owner(a))
	if err == nil && usage.Quota != a.Quota {
		_, err = o.store.Apply(ctx, owner(a), mailstore.SetQuota{Bytes: a.Quota})
	}
	return err
}

// lastingSecret reads 32 random bytes, or makes them the first time.
func lastingSecret(file string) ([]byte, error) {
	secret, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		secret = make([]byte, 32)
		rand.Read(secret)
		err = writeAside(file, secret, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("read or make secret: %w", err)
	}
	if len(secret) != 32 || bytes.Equal(secret, make([]byte, 32)) {
		return nil, fmt.Errorf("%s is damaged: expected 32 random bytes; remove it and a new one is made", file)
	}
	return secret, nil
}

// writeAside writes a file that is there whole or not at all.
func writeAside(file string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone when the rename was done
	_, werr := f.Write(data)
	if err := errors.Join(werr, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// find looks up an account by any of its addresses, in words for its caller.
func (o *office) find(ctx context.Context, address string) (account.Account, error) {
	addr, err := mail.ParseAddress(address)
	if err != nil {
		return account.Account{}, fmt.Errorf("%q is %w", address, err)
	}
	a, err := o.book.Find(ctx, addr)
	if errors.Is(err, account.ErrUnknown) {
		return a, fmt.Errorf("%w: %s", err, address)
	}
	return a, err
}

func owner(a account.Account) mailstore.Owner { return mailstore.Owner(a.ID) }
