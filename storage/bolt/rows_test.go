package bolt

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

func TestRowsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		num, box := rapid.Uint32().Draw(t, "num"), mailstore.MailboxID(rapid.Uint32().Draw(t, "box"))
		uid := mailstore.UID(rapid.Uint32().Draw(t, "uid"))
		o := owner{num: num, Books: drawBooks(t)}
		if got, ok := decodeOwner([]byte("o"), encodeOwner([]byte("o"), o)); !ok || got != o {
			t.Fatalf("owner %+v became %+v", o, got)
		}
		m := drawMailbox(t, box)
		if got, ok := decodeMailbox(boxKey(num, box), encodeMailbox(boxKey(num, box), m)); !ok || got != m {
			t.Fatalf("mailbox %+v became %+v", m, got)
		}
		key := uidKey(num, box, uid)
		e := drawEntry(t, uid)
		if got, ok := decodeEntry(key, encodeEntry(key, e)); !ok || !reflect.DeepEqual(got, e) {
			t.Fatalf("entry %+v became %+v", e, got)
		}
		mail := drawMail(t, uid)
		if got, ok := decodeMail(key, encodeMail(key, &mail)); !ok || !reflect.DeepEqual(got, mail) {
			t.Fatalf("mail %+v became %+v", mail, got)
		}
		modseq := mailstore.Modseq(rapid.Uint64().Draw(t, "modseq"))
		if gotM, gotU, ok := readModseqKey(modseqKey(num, box, modseq, uid)); !ok || gotM != modseq || gotU != uid {
			t.Fatalf("key of %d, %d became %d, %d", modseq, uid, gotM, gotU)
		}
	})
}

func number(t *rapid.T, label string) uint64 {
	return rapid.Uint64Max(math.MaxInt64).Draw(t, label)
}

func drawBooks(t *rapid.T) mailstore.Books {
	return mailstore.Books{
		Open: true, Modseq: mailstore.Modseq(number(t, "modseq")), Box: mailstore.MailboxID(rapid.Uint32().Draw(t, "box")), Valid: rapid.Uint32().Draw(t, "valid"),
		Usage: mailstore.Usage{Bytes: int64(number(t, "bytes")), Messages: int64(number(t, "messages")), Quota: int64(number(t, "quota"))},
	}
}

func drawMailbox(t *rapid.T, id mailstore.MailboxID) mailstore.Mailbox {
	return mailstore.Mailbox{
		ID: id, Name: rapid.String().Draw(t, "name"), Use: rapid.String().Draw(t, "use"), UIDValidity: rapid.Uint32().Draw(t, "valid"),
		UIDNext: mailstore.UID(rapid.Uint32().Draw(t, "next")), Modseq: mailstore.Modseq(number(t, "modseq")), Floor: mailstore.Modseq(number(t, "floor")),
		Messages: rapid.Uint32().Draw(t, "messages"), Unseen: rapid.Uint32().Draw(t, "unseen"), Deleted: rapid.Uint32().Draw(t, "deleted"),
		Expunged: rapid.Uint32().Draw(t, "expunged"), Bytes: int64(number(t, "bytes")),
	}
}

func drawEntry(t *rapid.T, uid mailstore.UID) entry {
	at := func(label string) time.Time {
		return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, label), 0).UTC()
	}
	e := entry{born: mailstore.Modseq(rapid.Uint32().Draw(t, "born"))}
	e.UID, e.Modseq = uid, e.born+mailstore.Modseq(rapid.Uint32().Draw(t, "later"))
	e.Received, e.Saved, e.Size = at("received"), at("saved"), int64(number(t, "size"))
	flags := rapid.SliceOf(rapid.SampledFrom([]string{`\Seen`, `\Draft`, `\Deleted`, `\Answered`, `\Flagged`, "k", "Other", "$MDNSent"})).Draw(t, "flags")
	e.Flags, _ = mailstore.CleanFlags(flags)
	return e
}

func drawMail(t *rapid.T, uid mailstore.UID) mailstore.Mail {
	m := mailstore.Mail{
		UID: uid, Form: pgp.Form(rapid.Byte().Draw(t, "form")), Class: rapid.SampledFrom(classes()).Draw(t, "class"),
		Outer: drawBytes(t, "outer"), Envelope: drawBytes(t, "envelope"),
	}
	copy(m.ID[:], drawBytes(t, "id"))
	for range rapid.IntRange(0, 5).Draw(t, "letters") {
		l := mailstore.Stored{Kind: pgp.Kind(rapid.Byte().Draw(t, "kind")), Ref: filestore.Ref{Size: int64(number(t, "size"))}}
		copy(l.ID[:], drawBytes(t, "blob"))
		m.Letters = append(m.Letters, l)
	}
	return m
}

func drawBytes(t *rapid.T, label string) []byte {
	return rapid.SliceOf(rapid.Byte()).Draw(t, label)
}

// A row with any one bit changed, or under another key or in another bucket, is
// no row.
func TestRowsAreBound(t *testing.T) {
	t.Parallel()
	key := uidKey(1, 2, 3)
	m := mailOf(100)
	row := encodeMail(key, &m)
	if _, ok := decodeMail(key, row); !ok {
		t.Fatal("the row is not read as it is")
	}
	for bit := range 8 * len(row) {
		bad := bytes.Clone(row)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, ok := decodeMail(key, bad); ok {
			t.Fatalf("bit %d was changed and nobody noticed", bit)
		}
	}
	for cut := range row {
		if _, ok := decodeMail(key, row[:cut]); ok {
			t.Fatalf("a row cut at %d was read", cut)
		}
	}
	if _, ok := decodeMail(uidKey(1, 2, 4), row); ok {
		t.Error("a row was read under another UID")
	}
	if _, ok := unsealRow(tableEntries, key, row); ok {
		t.Error("a row was read in another bucket")
	}
}

// FuzzRows gives the decoders hostile fields behind a good checksum.
func FuzzRows(f *testing.F) {
	key := uidKey(1, 2, 3)
	m := mailOf(10)
	f.Add(encodeMail(key, &m))
	f.Add(encodeEntry(key, entry{Entry: mailstore.Entry{Modseq: 5, Flags: []string{`\Seen`, "k"}}, born: 3}))
	f.Add(encodeMailbox(boxKey(1, 2), mailstore.Mailbox{Name: "INBOX", UIDNext: 1}))
	f.Add(encodeOwner([]byte("o"), owner{num: 1}))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, row []byte) {
		decodeMail(key, row)
		decodeMail(nil, row)
		if len(row) < rowExtra {
			return
		}
		body := append([]byte{rowVersion}, row[1:len(row)-4]...)
		resealed := func(in table, k []byte) []byte { return sealRow(in, k, bytes.Clone(body)) }
		if m, ok := decodeMail(key, resealed(tableMails, key)); ok {
			if again, ok := decodeMail(key, encodeMail(key, &m)); !ok || !reflect.DeepEqual(again, m) {
				t.Fatalf("%+v became %+v", m, again)
			}
		}
		if e, ok := decodeEntry(key, resealed(tableEntries, key)); ok && e.Modseq < e.born {
			t.Fatalf("entry changed at %d before it was born at %d", e.Modseq, e.born)
		}
		decodeEntry(nil, resealed(tableEntries, nil))
		decodeMailbox(key[:8], resealed(tableMailboxes, key[:8]))
		decodeMailbox(key, resealed(tableMailboxes, key))
		decodeOwner(key, resealed(tableOwners, key))
		decodeShares(key, resealed(tableShares, key))
		decodeAccount(key, resealed(tableAccounts, key))
	})
}

// A damaged row is an error with ids for whoever needs it, and for nobody else.
func TestDamagedRows(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, in := range []table{tableOwners, tableMailboxes, tableEntries, tableMails} {
		d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
		box := openOwner(t, d, "victim")
		appendTo(t, d, "victim", box, 2)
		damage(t, d, in, firstKey(t, d, in))
		other := openOwner(t, d, "other")
		appendTo(t, d, "other", other, 1)

		x := d.Index()
		errs := []error{}
		_, err := x.Mailboxes(ctx, "victim")
		errs = append(errs, err)
		for _, err := range x.Entries(ctx, "victim", box, 0) {
			errs = append(errs, err)
		}
		for _, err := range x.Entries(ctx, "victim", box, 1) {
			errs = append(errs, err)
		}
		for _, err := range x.Mails(ctx, "victim", box, []mailstore.UID{2, 1}) {
			errs = append(errs, err)
		}
		for _, err := range x.Blobs(ctx) { // else the sweeper would take what the row points at
			errs = append(errs, err)
			if in == tableMails && err == nil {
				t.Error("blobs are listed without those of a damaged row")
			}
		}
		_, err = x.Apply(ctx, "victim", []mailstore.Change{mailstore.Expunge{Box: box}})
		errs = append(errs, err)
		found := 0
		for _, err := range errs {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", tableNames[in], err)
			}
			if err != nil {
				found++
			}
		}
		if found == 0 || !errors.Is(err, ErrDamaged) || mailstore.Refused(err) {
			t.Errorf("%s: a damaged row was noticed %d times, at last by %v", tableNames[in], found, err)
		}
		appendTo(t, d, "other", other, 1)
		d.Close()
	}
}

func appendTo(t testing.TB, d *DB, o mailstore.Owner, box mailstore.MailboxID, n int) {
	t.Helper()
	for range n {
		if _, err := d.Index().Apply(context.Background(), o, []mailstore.Change{mailstore.Append{Box: box, Mail: mailOf(100), Size: 100}}); err != nil {
			t.Fatal(err)
		}
	}
}
