package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/cmd/sealpost/prove"
	"sealpost/config"
	"sealpost/pgp"
)

// A subject is the account a proof is made with.
type subject struct {
	file     string // configuration
	settings config.Config
	address  string
	level    pgp.Level
	before   int64 // messages it had
	password string
	opener   *pgp.Opener // nil when the secret key is its owner's
	waiting  []string    // ids of mail in the queue
}

// device is what the proof's app password is called.
const device = "sealpost-prove"

// chooseSubject makes an account for the time of the proof, or takes the one
// that was named. A made one shows no display names, so that they hold the
// word too; a named one's level decides.
func chooseSubject(ctx context.Context, file string, settings config.Config, address string) (s subject, err error) {
	s = subject{file: file, settings: settings, address: address}
	if address == "" {
		err = s.make(ctx)
	} else {
		err = s.borrow(ctx)
	}
	if err != nil {
		return s, err
	}
	made, err := ask[newPassword](ctx, file, "password.add", wantedPassword{s.address, account.NewPassword{Name: device, Scopes: []string{account.ScopeIMAP, account.ScopeSMTP, account.ScopeAPI}}})
	if err != nil {
		return s, fmt.Errorf("make app password for the proof: %w", err)
	}
	s.password = made.Password
	return s, nil
}

func (s *subject) make(ctx context.Context) error {
	s.address, s.level = "prove-"+newCanary()[6:14]+"@"+s.settings.Domains[0], pgp.Shy
	secret, public, err := pgp.GenerateKey("", s.address, pgp.Compat, time.Now().Add(-time.Minute))
	if err != nil {
		return err
	}
	keys, err := pgp.ParseSecretKeys(secret, nil)
	if err != nil {
		return err
	}
	list, err := pgp.GenerateListKey()
	if err != nil {
		return err
	}
	s.opener = &pgp.Opener{Keys: keys, ListKey: list}
	_, err = ask[accountView](ctx, s.file, "account.add", newAccount{
		Address: s.address, Profile: string(pgp.Compat), Headers: string(s.level), Key: public, ListKey: list.Public(),
	})
	if err != nil {
		return fmt.Errorf("make account for the proof: %w", err)
	}
	return nil
}

func (s *subject) borrow(ctx context.Context) error {
	v, err := ask[accountView](ctx, s.file, "account.show", named{s.address})
	if err != nil {
		return err
	}
	s.level, s.before = pgp.Level(v.Headers), v.Messages
	// An earlier proof may have been killed before it tidied up.
	_, _ = ask[namedPassword](ctx, s.file, "password.remove", namedPassword{Address: s.address, Name: device})
	return nil
}

// leave removes what was made.
func (s *subject) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var err error
	for _, id := range s.waiting {
		_, gone := ask[droppedView](ctx, s.file, "queue.drop", dropWish{ID: id})
		err = errors.Join(err, gone)
	}
	if s.opener != nil {
		_, gone := ask[accountView](ctx, s.file, "account.remove", named{s.address})
		err = errors.Join(err, gone)
	} else {
		_, gone := ask[namedPassword](ctx, s.file, "password.remove", namedPassword{Address: s.address, Name: device})
		err = errors.Join(err, gone)
	}
	if err != nil {
		return fmt.Errorf("tidy up after the proof: %w", err)
	}
	return nil
}

// control shows that a clean result means something: the mails did arrive with
// the word in them, and the word is seen when it is there.
func (p *proof) control(ctx context.Context) {
	fmt.Fprintln(p.out, "\nControl:")
	p.controlScanner(ctx)
	if p.to.opener != nil {
		p.controlMails(ctx)
		return
	}
	v, err := ask[accountView](ctx, p.to.file, "account.show", named{p.to.address})
	if err != nil || v.Messages-p.to.before < int64(p.stored) {
		p.fault(fmt.Sprintf("%d mails were accepted and %d are stored (%v)", p.stored, v.Messages-p.to.before, err))
		return
	}
	fmt.Fprintf(p.out, "  %s stored in %s, where they stay.\n", counting(int64(p.stored), "mail"), p.to.address)
}

// controlScanner plants the word in memory, in every form a mail of the proof
// has it in, and looks.
func (p *proof) controlScanner(ctx context.Context) {
	seen, all := 0, 0
	for _, m := range proofMails(p.word, pgp.Minimal, foreigner, "a@b.example") {
		all++
		r, err := prove.Read(ctx, m.name, bytes.NewReader(m.raw), []string{p.word})
		if err == nil && len(r.Hits) > 0 {
			seen++
		}
	}
	if seen < all {
		p.fault(fmt.Sprintf("the scanner saw the word in %d of %d readable mails", seen, all))
		return
	}
	fmt.Fprintf(p.out, "  The scanner sees the word in all %d mails before they are sent.\n", all)
}

// controlMails opens each stored mail with the key only this process has.
func (p *proof) controlMails(ctx context.Context) {
	opened := 0
	for uid := uint32(1); uid <= uint32(p.stored); uid++ {
		if err := p.open(ctx, uid); err != nil {
			p.fault(fmt.Sprintf("stored mail %d: %v", uid, err))
			continue
		}
		opened++
	}
	fmt.Fprintf(p.out, "  %s of %d stored, opened with the account's key, and each holds the word.\n", counting(int64(opened), "mail"), p.stored)
}

func (p *proof) open(ctx context.Context, uid uint32) error {
	var sealed, mail bytes.Buffer
	want, err := json.Marshal(wantedLetter{Address: p.to.address, Mailbox: "INBOX", UID: uid, Part: "message"})
	if err != nil {
		return err
	}
	if err := askServer(ctx, p.settings.Data, "message.get", bytes.NewReader(want), &sealed); err != nil {
		return err
	}
	if strings.Contains(sealed.String(), p.word) {
		p.fault(fmt.Sprintf("stored mail %d shows the word although it is sealed", uid))
	}
	if _, err := p.to.opener.Open(ctx, &sealed, &mail); err != nil {
		return err
	}
	r, err := prove.Read(ctx, "mail", bytes.NewReader(mail.Bytes()), []string{p.word})
	if err == nil && len(r.Hits) == 0 {
		return fmt.Errorf("opens, but does not hold the word")
	}
	return err
}
