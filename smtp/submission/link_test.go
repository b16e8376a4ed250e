package submission

import (
	"bytes"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"testing"

	"sealpost/account"
	"sealpost/filestore/drive"
	file "sealpost/filestore/sealed"
	"sealpost/filestore/sealed/cut"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
	owner "sealpost/pgp/keyring"
	"sealpost/smtp"
)

// files gives a world drives, in which alice has a key and a program.
func files(t *testing.T, w *world, f account.Attachments) (alice account.Account, receiver owner.Receiver) {
	t.Helper()
	alice = w.account("alice@demo.test")
	w.handler.Cutter = &cut.Cutter{Base: "https://mx.demo.test", Drive: w.drive}
	w.password(alice, account.NewPassword{Name: "laptop", FileSent: true})
	w.password(alice, account.NewPassword{Name: "phone"}) // it keeps its own Sent copy
	receiver, err := owner.ReceiverOf(bytes.Repeat([]byte{1}, 32), file.DropPurpose)
	w.must(err)
	f.Over = account.LeastOver
	f.Drops = receiver.Public()
	alice, err = w.book.Set(t.Context(), alice.ID, account.Settings{Files: &f})
	w.must(err)
	return alice, receiver
}

const canary = "canary-of-a-large-file "

// large is a mail with an attachment of some 200 KB, as Thunderbird writes it.
func large(fields ...string) (text string, content []byte) {
	content = bytes.Repeat([]byte(canary), 9000)
	var b strings.Builder
	b.WriteString(strings.Join(fields, "\r\n") + "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"------------0iBcJ\"\r\n\r\n" +
		"This is a multi-part message in MIME format.\r\n--------------0iBcJ\r\nContent-Type: text/plain; charset=UTF-8; format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHere it is.\r\n" +
		"--------------0iBcJ\r\nContent-Type: application/pdf; name=\"plan.pdf\"\r\nContent-Disposition: attachment; filename=\"plan.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for s := base64.StdEncoding.EncodeToString(content); s != ""; {
		n := min(72, len(s))
		b.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	b.WriteString("\r\n--------------0iBcJ--\r\n")
	return b.String(), content
}

var linkIn = regexp.MustCompile(`https://mx\.demo\.test/f/([A-Za-z0-9_-]+)#([A-Za-z0-9_-]+)`)

// follow reads what the link in a mail leads to; nil: there is none.
func (w *world) follow(text string) []byte {
	w.t.Helper()
	m := linkIn.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	secret, err := file.ParseLinkSecret(m[2])
	w.must(err)
	open, err := file.Unlock(secret, "", nil)
	w.must(err)
	id, err := drive.ParseID(m[1])
	w.must(err)
	l, o, proven, err := w.drive.Shared(w.t.Context(), id, open.Proof())
	w.must(err)
	h, err := open.Open(file.Object{ID: o.ID.String(), Size: o.Size}, l.Box)
	w.must(err)
	if !proven || h.Name != "plan.pdf" {
		w.t.Errorf("proven %v, called %s", proven, h.Name)
	}
	in, err := w.drive.Open(w.t.Context(), l.Owner, o.ID)
	w.must(err)
	defer in.Close()
	f, err := file.Open(in, in.Size(), h)
	w.must(err)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, h.Length))
	w.must(err)
	return b
}

func (w *world) made(a account.Account) []drive.Object {
	w.t.Helper()
	all, err := w.drive.Store.Objects(w.t.Context(), drive.Owner(a.ID), drive.ID{}, 100, false)
	w.must(err)
	return all
}

// Where nobody else can read the mail a link stands in it, whatever was chosen; where
// somebody can, only if that was chosen.
func TestLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out    account.OutgoingPolicy
		keys   bool
		linked bool
	}{
		"keys":          {account.OutgoingPlain, true, true},
		"no keys":       {account.OutgoingPlain, false, false},
		"no keys, link": {account.OutgoingLink, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			alice, receiver := files(t, w, account.Attachments{Outgoing: c.out})
			text, content := large("From: alice@demo.test", "To: carol@far.example", "Subject: canary")
			carol := w.correspondent(alice, "carol@far.example")
			to := "carol@far.example"
			if !c.keys {
				to = "dave@far.example"
			}
			if a := w.send(sending{as: alice, password: "laptop", to: []string{to}, data: text}); !strings.HasPrefix(a.data, "250") {
				t.Fatalf("%+v", a)
			}
			left := w.only().text
			if c.keys {
				if linkIn.MatchString(left) {
					t.Error("the link is not sealed")
				}
				var err error
				left, err = w.opened(carol, left)
				w.must(err)
			}
			sent := w.box(alice, "Sent", true)
			if len(sent) != 1 || linkIn.FindString(sent[0].text) != linkIn.FindString(left) {
				t.Errorf("the Sent copy has another link, or none")
			}
			if !c.linked {
				if linkIn.MatchString(left) || !strings.Contains(left, "plan.pdf") || len(w.made(alice)) != 0 {
					t.Error("it was not left as it was")
				}
				return
			}
			if got := w.follow(left); !bytes.Equal(got, content) || strings.Contains(left, "base64") {
				t.Errorf("the link leads to %d octets of %d", len(got), len(content))
			}
			all := w.made(alice)
			if len(all) != 1 {
				t.Fatalf("%d files", len(all))
			}
			if h, err := file.OpenDrop(receiver, drive.Outgoing.String(), file.Object{ID: all[0].ID.String(), Size: all[0].Size}, all[0].Head); err != nil || h.Name != "plan.pdf" {
				t.Errorf("its owner cannot open it: %v", err)
			}
			storagetest.Hidden(t, w.dir, 150_000, canary, base64.StdEncoding.EncodeToString(content[:300]), linkIn.FindStringSubmatch(left)[2])
		})
	}
}

// What was signed or encrypted, what the webmail sends and what finds no room leaves as it is.
func TestNoLinks(t *testing.T) {
	t.Parallel()
	plain, _ := large("From: alice@demo.test", "To: dave@far.example")
	head, rest, _ := strings.Cut(plain, "MIME-Version")
	signed := head + "Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\r\n\r\n--s\r\nMIME-Version" + rest + "--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n"
	for name, c := range map[string]struct {
		data, password string
		quota          int64
		drops          bool
	}{
		"signed":  {data: signed, password: "laptop", drops: true},
		"webmail": {data: plain, drops: true},
		"no room": {data: plain, password: "phone", quota: 700_000, drops: true},
		"no key":  {data: plain, password: "laptop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			alice, _ := files(t, w, account.Attachments{Outgoing: account.OutgoingLink})
			if !c.drops {
				alice.Files.Drops = nil
				w.must(w.people.Put(t.Context(), alice))
			}
			if c.quota > 0 {
				w.must(w.handler.Store.Welcome(t.Context(), mailstore.Owner(alice.ID), c.quota))
				_, err := w.drive.Begin(t.Context(), drive.By{Owner: drive.Owner(alice.ID)}, c.quota-100_000)
				w.must(err)
			}
			before := len(w.made(alice))
			if a := w.send(sending{as: alice, password: c.password, to: []string{"dave@far.example"}, data: c.data}); !strings.HasPrefix(a.data, "250") {
				t.Fatalf("%+v", a)
			}
			left := w.only().text
			_, body, _ := strings.Cut(c.data, "\r\n\r\n")
			if !strings.HasSuffix(left, body) || len(w.made(alice)) != before {
				t.Errorf("it was changed, or a file was made")
			}
		})
	}
}

// A mail that is refused leaves no file behind.
func TestRefusedLeavesNoFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, _ := files(t, w, account.Attachments{Outgoing: account.OutgoingLink})
	text, _ := large("From: alice@demo.test", "To: dave@far.example")
	w.handler.Limits = Limits{Hour: 1}
	a := w.send(sending{as: alice, password: "laptop", to: []string{"dave@far.example", "erin@far.example"}, data: text})
	if strings.HasPrefix(a.data, "250") && len(a.rcpt) == 2 && a.rcpt[1] == "" {
		t.Fatalf("%+v", a)
	}
	if strings.HasPrefix(a.data, "250") { // the second was refused before
		if a = w.send(sending{as: alice, password: "laptop", to: []string{"erin@far.example"}, data: text}); strings.HasPrefix(a.data, "250") {
			t.Fatalf("%+v", a)
		}
	}
	if got := len(w.made(alice)); got > 1 {
		t.Errorf("%d files", got)
	}
}

// The link of a mail that nobody got is revoked; of one that somebody has, or may have, it
// stays, and the file in either case.
func TestLinksOfMailThatNobodyGot(t *testing.T) {
	t.Parallel()
	text, content := large("From: alice@demo.test", "To: dave@far.example")
	for name, c := range map[string]struct {
		to    []string
		given bool
		stays bool
	}{
		"nobody":                    {[]string{"dave@far.example"}, false, false},
		"two that none of whom got": {[]string{"dave@far.example", "erin@far.example"}, false, false},
		"somebody":                  {[]string{"dave@far.example"}, true, true},
		"somebody of this server":   {[]string{"dave@far.example", "bob@demo.test"}, false, true},
		"who has another letter":    {[]string{"dave@far.example", "dävid@far.example"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			alice, _ := files(t, w, account.Attachments{Outgoing: account.OutgoingLink})
			w.account("bob@demo.test")
			if a := w.send(sending{as: alice, password: "laptop", to: c.to, data: text, opts: smtp.MailOptions{UTF8: true}}); !strings.HasPrefix(a.data, "250") {
				t.Fatalf("%+v", a)
			}
			left := w.queued()[0]
			if got := w.follow(left.text); !bytes.Equal(got, content) {
				t.Fatalf("the link leads to %d octets", len(got))
			}
			id, err := drive.ParseID(linkIn.FindStringSubmatch(left.text)[1])
			w.must(err)
			left.Given = c.given
			w.handler.Sent(t.Context(), left.Mail)
			l, err := w.drive.Store.Link(t.Context(), id)
			if err != nil || l.Revoked == c.stays || len(w.made(alice)) != 1 {
				t.Errorf("revoked: %v, %v; %d files", l.Revoked, err, len(w.made(alice)))
			}
			w.must(w.drive.Remove(t.Context(), drive.By{Owner: drive.Owner(alice.ID)}, l.Object))
			w.handler.Sent(t.Context(), left.Mail) // the link is no more
			if strings.Contains(w.logs.String(), "nobody got stay") {
				t.Error("what is no more was not found")
			}
		})
	}
}
