package inbound

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	file "sealpost/filestore/sealed"
	"sealpost/filestore/sealed/cut"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
	"sealpost/pgp"
)

const canary = "canary-of-a-large-file "

// large is a mail with an attachment of some 300 KB.
func large() (text string, content []byte) {
	content = bytes.Repeat([]byte(canary), 13_000)
	var b strings.Builder
	b.WriteString("From: bob@far.example\r\nTo: alice@demo.test\r\nSubject: canary\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n--b\r\nContent-Type: application/pdf;\r\n name=\"plan.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for s := base64.StdEncoding.EncodeToString(content); s != ""; {
		n := min(76, len(s))
		b.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	b.WriteString("\r\n--b--\r\n")
	return b.String(), content
}

// cutting is a world with drives, in which alice chose.
func cutting(t *testing.T, choice account.IncomingPolicy) (w *world, alice account.Account) {
	t.Helper()
	w = newWorld(t)
	w.handler.Cutter = &cut.Cutter{Base: "https://mx.demo.test", Drive: &drive.Drive{
		Store: w.db.Drive(), Blobs: w.handler.Store.Blobs, Bus: w.handler.Store.Bus, Log: w.handler.Log, Now: time.Now, Secret: make([]byte, 32), Patience: time.Hour,
	}}
	alice = w.account("alice@demo.test", pgp.Compat, 0)
	_, err := w.book.Set(t.Context(), alice.ID, account.Settings{Files: &account.Attachments{Over: account.LeastOver, Incoming: choice}})
	w.must(err)
	return w, alice
}

// hand gives alice a mail and returns the reply.
func (w *world) hand(text string) string {
	w.t.Helper()
	_, reply := w.send(text, "bob@far.example", "alice@demo.test")
	return reply
}

func (w *world) deliver(text string) {
	w.t.Helper()
	if reply := w.hand(text); !strings.HasPrefix(reply, "250") {
		w.t.Fatalf("answered %s", reply)
	}
}

func (w *world) files(a account.Account) []drive.Object {
	w.t.Helper()
	all, err := w.handler.Cutter.Drive.Store.Objects(context.Background(), drive.Owner(a.ID), drive.ID{}, 100, false)
	w.must(err)
	return all
}

// mails are those in INBOX, and for each what opens to with that letter.
func (w *world) mails(a account.Account) (all []mailstore.Mail) {
	w.t.Helper()
	ctx, owner := context.Background(), mailstore.Owner(a.ID)
	boxes, err := w.index.Mailboxes(ctx, owner)
	w.must(err)
	for _, b := range boxes {
		for e, err := range w.index.Entries(ctx, owner, b.ID, 0) {
			w.must(err)
			for m, err := range w.index.Mails(ctx, owner, b.ID, []mailstore.UID{e.UID}) {
				w.must(err)
				m.Outer, m.Envelope = bytes.Clone(m.Outer), nil
				all = append(all, m)
			}
		}
	}
	return all
}

func (w *world) letter(a account.Account, m mailstore.Mail, kinds ...pgp.Kind) (string, pgp.Opened) {
	w.t.Helper()
	var in []io.Reader
	for _, k := range kinds {
		blob, err := w.handler.Store.Letter(context.Background(), m, k)
		w.must(err)
		w.t.Cleanup(func() { blob.Close() })
		if len(kinds) > 1 && k == pgp.KindMessage { // a body needs its keys in front
			keys, err := pgp.SessionKeys(blob)
			w.must(err)
			in = append(in, bytes.NewReader(keys))
			continue
		}
		in = append(in, io.NewSectionReader(blob, 0, blob.Size()))
	}
	var out bytes.Buffer
	opened, err := pgp.Opener{Keys: w.keys[a.ID], Restore: len(kinds) == 1}.Open(context.Background(), io.MultiReader(in...), &out)
	w.must(err)
	return out.String(), opened
}

// content is what a stub leads its owner to.
func (w *world) content(a account.Account, s cut.Stub) []byte {
	w.t.Helper()
	id, err := drive.ParseID(s.Object)
	w.must(err)
	in, err := w.handler.Cutter.Drive.Open(context.Background(), drive.Owner(a.ID), id)
	w.must(err)
	defer in.Close()
	f, err := file.Open(in, in.Size(), file.Head{Name: s.Name, Length: s.Length, Secret: s.Secret})
	w.must(err)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, s.Length))
	w.must(err)
	return b
}

// With stub the mail is small and the exact one comes back; with whole it is the mail as
// it came, and the small one is what readers are shown. Nothing readable is on the disk.
func TestCut(t *testing.T) {
	t.Parallel()
	text, content := large()
	for _, choice := range []account.IncomingPolicy{account.IncomingOff, account.IncomingStub, account.IncomingWhole} {
		t.Run(string(choice), func(t *testing.T) {
			t.Parallel()
			w, alice := cutting(t, choice)
			w.deliver(text)
			all := w.mails(alice)
			if len(all) != 1 {
				t.Fatalf("%d mails", len(all))
			}
			m, files := all[0], w.files(alice)
			got, opened := w.letter(alice, m, pgp.KindMessage)
			places, err := cut.Places(opened.Front)
			w.must(err)
			switch choice {
			case account.IncomingOff:
				if got != text || len(files) != 0 {
					t.Error("it was changed, or a file was made")
				}
				return
			case account.IncomingStub:
				if len(got) > 5000 || len(places) != 1 {
					t.Fatalf("%d octets, %v", len(got), places)
				}
				var back bytes.Buffer
				w.must(cut.Restore(t.Context(), &back, strings.NewReader(got), places, func(_ context.Context, s cut.Stub, out io.Writer) error {
					_, err := out.Write(w.content(alice, s))
					return err
				}))
				if back.String() != text {
					t.Error("it does not come back as it was")
				}
			case account.IncomingWhole:
				if got != text || len(places) != 0 {
					t.Error("IMAP does not serve it as it came")
				}
				got, _ = w.letter(alice, m, pgp.KindMessage, pgp.KindBody)
			}
			_, stub, _ := strings.Cut(got, "\r\nA large file")
			const end = "-----END SEALPOST ATTACHMENT-----"
			stub, _, _ = strings.Cut(stub, end)
			s, err := cut.ParseStub([]byte("A large file" + stub + end))
			if err != nil || s.Name != "plan.pdf" || !bytes.Equal(w.content(alice, s), content) {
				t.Errorf("the stub: %v in %.600s", err, got)
			}
			if len(files) != 1 || files[0].Mail != drive.MailID(m.ID) {
				t.Errorf("%+v", files)
			}
			storagetest.Hidden(t, w.dir, 300_000, canary, base64.StdEncoding.EncodeToString(content[:300]), s.Link[strings.Index(s.Link, "#")+1:], base64.StdEncoding.EncodeToString(s.Secret.Bytes()), string(s.Secret.Bytes()))
		})
	}
}

// A file goes when no mailbox has its mail any more, not while a copy is left, and not
// when its owner took it over.
func TestCutGoesWithItsMail(t *testing.T) {
	t.Parallel()
	w, alice := cutting(t, account.IncomingStub)
	text, _ := large()
	w.deliver(text)
	w.deliver(strings.Replace(text, "Here it is", "Here another is", 1))
	d, o, ctx := w.handler.Cutter.Drive, mailstore.Owner(alice.ID), t.Context()
	files := w.files(alice)
	if len(files) != 2 {
		t.Fatalf("%d files", len(files))
	}
	tidy := func(want int) {
		t.Helper()
		_, err := d.TidyMade(ctx, drive.Owner(o), func(ctx context.Context, mails map[drive.MailID]bool) error {
			all := map[[16]byte]bool{}
			for id := range mails {
				all[id] = true
			}
			err := w.handler.Store.Absent(ctx, o, all)
			for id := range mails {
				if !all[id] {
					delete(mails, id)
				}
			}
			return err
		})
		w.must(err)
		if got := len(w.files(alice)); got != want {
			t.Errorf("%d files, want %d", got, want)
		}
	}
	boxes, err := w.index.Mailboxes(ctx, o)
	w.must(err)
	box := map[string]mailstore.MailboxID{}
	for _, b := range boxes {
		box[b.Name] = b.ID
	}
	apply := func(c mailstore.Change) {
		t.Helper()
		_, err := w.handler.Store.Apply(ctx, o, c)
		w.must(err)
	}
	var uids []mailstore.UID
	for e, err := range w.index.Entries(ctx, o, box["INBOX"], 0) {
		w.must(err)
		uids = append(uids, e.UID)
	}
	apply(mailstore.Copy{From: box["INBOX"], To: box["Archive"], UIDs: uids})
	apply(mailstore.Expunge{Box: box["INBOX"]})
	d.Now = func() time.Time { return time.Now().Add(3 * time.Hour) }
	tidy(2) // in Archive they are still
	_, err = d.Take(ctx, drive.Owner(o), files[0].ID)
	w.must(err)
	apply(mailstore.Expunge{Box: box["Archive"]})
	d.Now = time.Now
	tidy(2) // they might be on their way in
	d.Now = func() time.Time { return time.Now().Add(3 * time.Hour) }
	tidy(1)
	if left := w.files(alice); len(left) != 1 || left[0].ID != files[0].ID {
		t.Errorf("%+v", left)
	}
}

// What finds no room beside the mail is not cut, and a mail that is not stored leaves no
// file; what is signed stays.
func TestCutLosesNothing(t *testing.T) {
	t.Parallel()
	text, _ := large()
	t.Run("no room for both", func(t *testing.T) {
		t.Parallel()
		w, alice := cutting(t, account.IncomingWhole)
		w.must(w.handler.Store.Welcome(t.Context(), mailstore.Owner(alice.ID), 650_000))
		w.deliver(text)
		if all := w.mails(alice); len(all) != 1 || len(w.files(alice)) != 0 {
			t.Errorf("%d mails, %d files", len(all), len(w.files(alice)))
		}
	})
	t.Run("not stored", func(t *testing.T) {
		t.Parallel()
		w, alice := cutting(t, account.IncomingStub)
		w.index.fail(alice.ID, func() error { return mailstore.ErrOverQuota })
		if reply := w.hand(text); !strings.HasPrefix(reply, "452") {
			t.Errorf("answered %s", reply)
		}
		if left := w.files(alice); len(left) != 0 {
			t.Errorf("%d files", len(left))
		}
		w.index.fail(alice.ID, nil)
	})
	t.Run("nobody knows", func(t *testing.T) {
		t.Parallel()
		w, alice := cutting(t, account.IncomingStub)
		w.index.fail(alice.ID, func() error { return errors.Join(errors.New("no answer"), filestore.ErrCorrupt) })
		if reply := w.hand(text); !strings.HasPrefix(reply, "451") {
			t.Errorf("answered %s", reply)
		}
		if left := w.files(alice); len(left) != 1 { // the mail may be there: housekeeping finds out
			t.Errorf("%d files", len(left))
		}
		w.index.fail(alice.ID, nil)
	})
	t.Run("signed", func(t *testing.T) {
		t.Parallel()
		w, alice := cutting(t, account.IncomingStub)
		signed := strings.Replace(text, "Content-Type: text/plain\r\n", "Content-Type: application/pgp-signature\r\n", 1)
		w.deliver(signed)
		if got, _ := w.letter(alice, w.mails(alice)[0], pgp.KindMessage); got != signed || len(w.files(alice)) != 0 {
			t.Error("it was changed, or a file was made")
		}
	})
}
