package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sealpost/mailstore"
	"sealpost/pgp"
)

type messageGroup struct {
	Get messageGetCommand `cmd:"" help:"Print a stored letter as it is: sealed."`
}

type messageGetCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
	UID     uint32 `arg:"" help:"UID of the message in its mailbox, as IMAP shows it."`
	Mailbox string `default:"INBOX" placeholder:"NAME" help:"Name of the mailbox (default: ${default})."`
	Part    string `default:"message" enum:"message,header,terms,body,card" placeholder:"LETTER" help:"message (the default), header, terms, body or card."`
}

func (cmd messageGetCommand) Help() string {
	return "message is the mail as IMAP serves it. The other letters are armored: header is the original header of a " +
		"mail its sender encrypted, terms are a mail's words, body its text without attachments when it is large, card " +
		"its line in a list. All are sealed; its owner opens them:\n\n" +
		"  sealpost message get alice@example.org 1 | sealpost open --key alice.secret.asc"
}

func (cmd messageGetCommand) Run(ctx context.Context, c console) error {
	return perform(ctx, cmd.Config, "message.get", wantedLetter{cmd.Address, cmd.Mailbox, cmd.UID, cmd.Part}, c.Out)
}

type wantedLetter struct {
	Address, Mailbox string
	UID              uint32
	Part             string
}

func getMessage(ctx context.Context, o *office, want wantedLetter, w io.Writer) error {
	a, err := o.find(ctx, want.Address)
	if err != nil {
		return err
	}
	m, err := o.mail(ctx, owner(a), want)
	if err != nil {
		return err
	}
	kinds := map[string]pgp.Kind{
		"message": pgp.KindMessage, "header": pgp.KindHeader, "terms": pgp.KindTerms, "body": pgp.KindBody, "card": pgp.KindCard,
	}
	kind := kinds[want.Part]
	letter, err := o.store.Letter(ctx, m, kind)
	if errors.Is(err, mailstore.ErrNoMail) {
		return fmt.Errorf("message %d has no %s letter; it has: %s", want.UID, want.Part, lettersOf(m))
	}
	if err != nil {
		return fmt.Errorf("open %s letter: %w", want.Part, err)
	}
	defer letter.Close()
	if kind == pgp.KindMessage {
		served := pgp.Served{Outer: m.Outer, Form: m.Form, Raw: letter, RawSize: letter.Size()}
		_, err := io.Copy(w, io.NewSectionReader(served, 0, served.Size()))
		return err
	}
	keys, err := o.keysFor(ctx, m, kind)
	if err != nil {
		return err
	}
	return pgp.Armor(w, kind, io.MultiReader(bytes.NewReader(keys), io.NewSectionReader(letter, 0, letter.Size())))
}

// mail finds one message of an account.
func (o *office) mail(ctx context.Context, who mailstore.Owner, want wantedLetter) (mailstore.Mail, error) {
	boxes, err := o.store.Index.Mailboxes(ctx, who)
	if err != nil {
		return mailstore.Mail{}, fmt.Errorf("list mailboxes: %w", err)
	}
	for _, box := range boxes {
		if box.Name != want.Mailbox && !(strings.EqualFold(want.Mailbox, "INBOX") && box.Name == "INBOX") {
			continue
		}
		for m, err := range o.store.Index.Mails(ctx, who, box.ID, []mailstore.UID{mailstore.UID(want.UID)}) {
			return m, err
		}
		return mailstore.Mail{}, fmt.Errorf("%s has no message with UID %d", box.Name, want.UID)
	}
	return mailstore.Mail{}, fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, want.Mailbox)
}

// keysFor are the PKESK packets that make a terms or body letter an OpenPGP
// message: they stand in the letter whose session key it shares.
func (o *office) keysFor(ctx context.Context, m mailstore.Mail, kind pgp.Kind) ([]byte, error) {
	if kind != pgp.KindTerms && kind != pgp.KindBody {
		return nil, nil
	}
	head, err := o.store.Letter(ctx, m, pgp.KindHeader) // of a mail its sender encrypted
	if errors.Is(err, mailstore.ErrNoMail) {
		head, err = o.store.Letter(ctx, m, pgp.KindMessage)
	}
	if err != nil {
		return nil, fmt.Errorf("open letter with the session key: %w", err)
	}
	defer head.Close()
	return pgp.SessionKeys(head)
}

func lettersOf(m mailstore.Mail) string {
	names := map[pgp.Kind]string{
		pgp.KindMessage: "message", pgp.KindHeader: "header", pgp.KindTerms: "terms", pgp.KindBody: "body", pgp.KindCard: "card",
	}
	has := []string{}
	for _, l := range m.Letters {
		has = append(has, names[l.Kind])
	}
	return strings.Join(has, ", ")
}
