package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/sealed/cut"
	"sealpost/mailstore"
)

// leftFor is how long an upload waits for its next part.
const leftFor = 24 * time.Hour

// newDrive holds sealed files.
func (o *office) newDrive() *drive.Drive {
	key := hmac.New(sha256.New, o.secret)
	key.Write([]byte("sealpost drive tickets"))
	return &drive.Drive{
		Store: o.drive, Blobs: o.blobs, Bus: o.store.Bus, Log: o.log, Now: time.Now, Secret: key.Sum(nil),
		Usual: o.settings.Files.Life, Longest: max(o.settings.Files.Longest, o.settings.Files.Life), Patience: leftFor,
	}
}

// newCutter makes files of large attachments.
func (o *office) newCutter() *cut.Cutter {
	return &cut.Cutter{Drive: o.files, Base: "https://" + o.settings.Hostname}
}

// tidyFiles gives up uploads that were left, and forgets links that ended long ago.
func (s *server) tidyFiles(ctx context.Context) error {
	left, err := s.files.Tidy(ctx)
	if err != nil {
		return err
	}
	if left > 0 {
		s.log.Info("uploads that were left are given up", "count", left)
	}
	everybody, err := s.book.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	var failed error
	for _, a := range everybody {
		failed = errors.Join(failed, s.files.TidyOf(ctx, drive.Owner(a.ID)))
		_, err := s.files.TidyMade(ctx, drive.Owner(a.ID), func(ctx context.Context, mails map[drive.MailID]bool) error {
			return s.absent(ctx, mailstore.Owner(a.ID), mails)
		})
		failed = errors.Join(failed, err)
	}
	return failed
}

// absent leaves in mails those that are in no mailbox any more.
func (o *office) absent(ctx context.Context, who mailstore.Owner, mails map[drive.MailID]bool) error {
	all := make(map[[16]byte]bool, len(mails))
	for id := range mails {
		all[id] = true
	}
	if err := o.store.Absent(ctx, who, all); err != nil {
		return fmt.Errorf("look through mail of account %s: %w", who, err)
	}
	for id := range mails {
		if !all[id] {
			delete(mails, id)
		}
	}
	return nil
}
