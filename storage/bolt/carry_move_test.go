package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/move/carry"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/storage/disk"
)

// peopled is an end with n accounts that have something of everything.
func peopled(t *testing.T, n int) (x *carry.End, known *Known, ids []mailstore.Owner) {
	key := nodekey.Random()
	e, _ := carriedEnd(t, key, Options{})
	x = e.End
	x.Blobs = newBlobs(t)
	for i := range n {
		o := mailstore.Owner(fmt.Sprintf("%016x", i+1))
		ids = append(ids, o)
		furnish(t, x, o, i)
	}
	return x, x.Rows.(Carried).Known, ids
}

func newBlobs(t testing.TB) *disk.Blobs {
	b, err := disk.Open(filepath.Join(t.TempDir(), "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func furnish(t *testing.T, x *carry.End, o mailstore.Owner, i int) {
	ctx := context.Background()
	put := func(size int) filestore.Ref {
		octets := make([]byte, size)
		for i := range octets {
			octets[i] = byte(rand.Uint32())
		}
		return must(x.Blobs.Put(ctx, bytes.NewBuffer(octets)))[0]
	}
	changes := []mailstore.Change{
		mailstore.SetQuota{Bytes: 1 << 30}, mailstore.Create{Name: "INBOX"}, mailstore.Create{Name: "Sent", Use: `\Sent`}, mailstore.Create{Name: "x/y"},
		mailstore.Subscribe{Name: "nowhere", On: true}, mailstore.Note{Box: mailstore.NoteOwner, Now: []byte("own")}, mailstore.Note{Box: mailstore.NoteImports, Now: []byte("brought")}, mailstore.Note{Box: 1, Now: []byte("inbox")},
	}
	for n := range 40 {
		m := mailstore.Mail{Outer: []byte("outer"), Envelope: []byte("envelope"), Form: pgp.FormMIME, Class: pgp.SealedOnArrival}
		m.ID[0] = byte(n)
		for kind := range 3 {
			m.Letters = append(m.Letters, mailstore.Stored{Kind: pgp.Kind(kind + 1), Ref: put(100 + n)})
		}
		flags := []string{[]string{`\Seen`, "Work", "work", `\Deleted`}[n%4]}
		changes = append(changes, mailstore.Append{Box: 1, Mail: m, Size: 10, Flags: flags, Received: time.Unix(int64(n), 0)})
	}
	changes = append(changes, mailstore.Copy{From: 1, To: 2, UIDs: []mailstore.UID{1, 2, 3}}, mailstore.Expunge{Box: 1, OnlyDeleted: true},
		mailstore.Move{From: 1, To: 3, UIDs: []mailstore.UID{5, 6}}, mailstore.SetFlags{Box: 1, UIDs: []mailstore.UID{1, 9}, Op: mailstore.Add, Flags: []string{"later"}})
	must(x.Index.Apply(ctx, o, changes))
	place := cabinet.Place{Drawer: "drafts", Name: "a"}
	ref := put(200)
	must2(x.Cabinet.Apply(ctx, o, cabinet.Wish{Place: place, Blob: &ref}))
	gone := cabinet.Place{Drawer: "pins", Name: "b"}
	must2(x.Cabinet.Apply(ctx, o, cabinet.Wish{Place: gone, Blob: &ref}))
	must2(x.Cabinet.Apply(ctx, o, cabinet.Wish{Place: gone, Was: 1}))
	file := drive.NewID()
	do := drive.Owner(o)
	must(x.Drive.Apply(ctx, do, drive.Begin{ID: file, Size: 300}))
	must(x.Drive.Apply(ctx, do, drive.Put{Object: file, Part: drive.Part{Sum: [32]byte{1}, Blob: put(300)}}))
	must(x.Drive.Apply(ctx, do, drive.Complete{Object: file}))
	must(x.Drive.Apply(ctx, do, drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: file, Box: []byte("box"), Expires: time.Now().Add(time.Hour)}}))
	must(x.Drive.Apply(ctx, do, drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Box: []byte("box"), Expires: time.Now().Add(time.Hour), MostFiles: 3, MostBytes: 1000}}))
	known := x.Rows.(Carried)
	address := mail.Address{Local: fmt.Sprintf("p%d", i), Domain: "demo.test"}
	if err := errors.Join(
		known.Known.Peers().PutPeer(ctx, string(o), discover.Peer{Address: address}),
		known.Papers.Drawer("rules").Put(ctx, string(o), "rules", []byte("all")),
		x.SignIns.Put(ctx, signin.Record{Account: account.ID(o), Revision: 1, Tokens: []signin.Token{{byte(i), 1}}, Keys: []byte(`{}`), Sealed: []byte("sealed")}),
		x.Accounts.Put(ctx, account.Account{ID: account.ID(o), Addresses: []mail.Address{address}, Former: []mail.Address{{Local: fmt.Sprintf("f%d", i), Domain: "demo.test"}}, Cert: []byte{1}}),
	); err != nil {
		t.Fatal(err)
	}
}

func must2[V, W any](v V, w W, err error) {
	if err != nil {
		panic(err)
	}
}

// unreliable fails by chance, before or after it did what it was asked.
type unreliable struct {
	carry.Rows
	carry.Journal
	filestore.Blobs
	odds func() bool
}

var errCut = errors.New("cut off")

func (u unreliable) cut(do func() error) error {
	if u.odds() {
		return errCut
	}
	if err := do(); err != nil {
		return err
	}
	if u.odds() {
		return errCut
	}
	return nil
}

type cutRows struct{ unreliable }

func (u cutRows) Write(ctx context.Context, o mailstore.Owner, b *carry.Batch) error {
	return u.cut(func() error { return u.Rows.Write(ctx, o, b) })
}

func (u cutRows) Remove(ctx context.Context, o mailstore.Owner) error {
	return u.cut(func() error { return u.Rows.Remove(ctx, o) })
}

type cutJournal struct{ unreliable }

func (u cutJournal) Keep(ctx context.Context, all []carry.Copied) error {
	return u.cut(func() error { return u.Journal.Keep(ctx, all) })
}

func (u cutJournal) SetStage(ctx context.Context, o mailstore.Owner, s carry.Stage, d carry.Digest) error {
	return u.cut(func() error { return u.Journal.SetStage(ctx, o, s, d) })
}

type cutBlobs struct{ unreliable }

func (u cutBlobs) Put(ctx context.Context, sources ...io.WriterTo) (refs []filestore.Ref, err error) {
	err = u.cut(func() error {
		refs, err = u.Blobs.Put(ctx, sources...)
		return err
	})
	return refs, err
}

// landed is another end under the same node key.
func landed(t *testing.T, known *Known) *carry.End {
	e, _ := carriedEnd(t, known.key, Options{})
	e.Blobs = newBlobs(t)
	t.Cleanup(func() { checkRows(t, e.Rows.(Carried).Index) })
	return e.End
}

func newJournal(t testing.TB) *Journal {
	j := must(OpenJournal(filepath.Join(t.TempDir(), "move.db"), Options{}))
	t.Cleanup(func() { j.Close() })
	return j
}

// content is what all blobs of an account say, by the ids that point at them elsewhere.
func content(t *testing.T, x *carry.End, o mailstore.Owner) (all []string) {
	for r, err := range x.Export(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range carry.Blobs(r) {
			b, err := x.Blobs.Open(t.Context(), ref.ID)
			if err != nil {
				all = append(all, err.Error()[:1])
				continue
			}
			octets := must(io.ReadAll(io.NewSectionReader(b, 0, b.Size())))
			b.Close()
			all = append(all, fmt.Sprintf("%T %x", r, octets))
		}
	}
	return all
}

// unshared leaves out what engines give in the order of ids.
func unshared(all []string) (kept []string) {
	for _, s := range all {
		if !bytes.HasPrefix([]byte(s), []byte("carry.Share")) {
			kept = append(kept, s)
		}
	}
	return kept
}

func TestMove(t *testing.T) {
	t.Parallel()
	from, known, ids := peopled(t, 3)
	to := landed(t, known)
	m := &carry.Move{From: from, To: to, Journal: newJournal(t), Workers: 2}
	for _, o := range ids {
		before := content(t, from, o)
		done, err := m.Account(t.Context(), o)
		if err != nil || done.Messages != 33 || done.Blobs < 100 || done.Lost != 0 {
			t.Fatalf("%+v, %v", done, err)
		}
		if after := content(t, to, o); !equal(unshared(before), unshared(after)) {
			t.Errorf("blobs of %s are others", o)
		}
		if again, err := m.Account(t.Context(), o); err != nil || again.Records != 0 {
			t.Errorf("what is there is carried again: %+v, %v", again, err)
		}
	}
	if err := errors.Join(m.Leave(t.Context(), ids[0]), m.Leave(t.Context(), ids[0]), m.Undo(t.Context(), ids[1])); err != nil {
		t.Error(err)
	}
	for _, gone := range []struct {
		x *carry.End
		o mailstore.Owner
	}{{from, ids[0]}, {to, ids[1]}} {
		for r := range gone.x.Export(t.Context(), gone.o) {
			t.Errorf("%T is left of an account that is gone", r)
		}
	}
	if m.Undo(t.Context(), ids[0]) == nil || m.Leave(t.Context(), ids[1]) == nil {
		t.Error("an account is removed where it is the only one")
	}
	// Back again, by a journal of its own, over nothing that is there.
	back := &carry.Move{From: to, To: from, Journal: newJournal(t)}
	if _, err := back.Account(t.Context(), ids[2]); !errors.Is(err, carry.ErrStands) {
		t.Errorf("an account is written over: %v", err)
	}
	if _, err := back.Account(t.Context(), ids[0]); err != nil {
		t.Error(err)
	}
}

func equal(a, b []string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// Broken off anywhere, a move goes on, and what arrives is what was sent, once.
func TestMoveBrokenOff(t *testing.T) {
	t.Parallel()
	from, known, ids := peopled(t, 2)
	to, journal := landed(t, known), newJournal(t)
	odds := func() bool { return rand.N(12) == 0 }
	cut := *to
	cut.Rows, cut.Blobs = cutRows{unreliable{Rows: to.Rows, odds: odds}}, cutBlobs{unreliable{Blobs: to.Blobs, odds: odds}}
	m := &carry.Move{From: from, To: &cut, Journal: cutJournal{unreliable{Journal: journal, odds: odds}}, Workers: 3}
	tries := 0
	for _, o := range ids {
		for {
			_, err := m.Account(t.Context(), o)
			if tries++; err == nil {
				break
			}
			if !errors.Is(err, errCut) || tries > 10_000 {
				t.Fatal(err)
			}
		}
		if !equal(unshared(content(t, from, o)), unshared(content(t, to, o))) {
			t.Errorf("blobs of %s are others", o)
		}
	}
	for _, o := range ids {
		if stage, _, err := journal.Stage(t.Context(), o); stage != carry.There || err != nil {
			t.Errorf("%s is at stage %d, %v", o, stage, err)
		}
	}
	t.Logf("%d tries", tries)
}

// A letter that is lost already stays so, and keeps nobody here.
func TestMoveLost(t *testing.T) {
	t.Parallel()
	from, known, ids := peopled(t, 1)
	for r := range from.Export(t.Context(), ids[0]) {
		if m, ok := r.(carry.Message); ok {
			if err := from.Blobs.Delete(t.Context(), m.Mail.Letters[0].ID); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	to := landed(t, known)
	m := &carry.Move{From: from, To: to, Journal: newJournal(t)}
	if done, err := m.Account(t.Context(), ids[0]); err != nil || done.Lost != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if a, b := unshared(content(t, from, ids[0])), unshared(content(t, to, ids[0])); !equal(a, b) {
		t.Error("what is lost is another thing there")
	}
}

// swapped gives one message another flag than was sent.
type swapped struct{ carry.Rows }

func (s swapped) Write(ctx context.Context, o mailstore.Owner, b *carry.Batch) error {
	for i := range b.Writes.Messages {
		if e := &b.Writes.Messages[i].Entry; e.UID == 1 && !e.Gone {
			e.Received = e.Received.Add(time.Second)
		}
	}
	return s.Rows.Write(ctx, o, b)
}

func TestMoveComparesDigests(t *testing.T) {
	t.Parallel()
	from, known, ids := peopled(t, 1)
	to, journal := landed(t, known), newJournal(t)
	other := *to
	other.Rows = swapped{to.Rows}
	m := &carry.Move{From: from, To: &other, Journal: journal}
	if _, err := m.Account(t.Context(), ids[0]); !errors.Is(err, carry.ErrDiffers) {
		t.Errorf("another second arrived: %v", err)
	}
	if stage, _, err := journal.Stage(t.Context(), ids[0]); stage != carry.Begun || err != nil {
		t.Errorf("stage %d, %v", stage, err)
	}
}

// spoiling stores other octets than it was given.
type spoiling struct{ filestore.Blobs }

func (s spoiling) Put(ctx context.Context, sources ...io.WriterTo) ([]filestore.Ref, error) {
	var kept []io.WriterTo
	for i, from := range sources {
		var b bytes.Buffer
		if _, err := from.WriteTo(&b); err != nil {
			return nil, err
		}
		if i == len(sources)/2 {
			b.Bytes()[0] ^= 1
		}
		kept = append(kept, &b)
	}
	return s.Blobs.Put(ctx, kept...)
}

// What a provider or a disk gives back must be what it was given.
func TestMoveReadsBack(t *testing.T) {
	t.Parallel()
	from, known, ids := peopled(t, 1)
	to := *landed(t, known)
	to.Blobs = spoiling{to.Blobs}
	m := &carry.Move{From: from, To: &to, Journal: newJournal(t)}
	if _, err := m.Account(t.Context(), ids[0]); !errors.Is(err, filestore.ErrCorrupt) {
		t.Errorf("other octets arrived: %v", err)
	}
}

// An account that is served there already has its keys and its sign-in brought after it, and comes
// back whole: what came there since, too.
func TestMoveServed(t *testing.T) {
	t.Parallel()
	from, known, ids := peopled(t, 2)
	to, journal := landed(t, known), newJournal(t)
	m := &carry.Move{From: from, To: to, Journal: journal}
	before := content(t, from, ids[0])
	for _, o := range ids {
		c, err := m.Chase(t.Context(), o)
		if err == nil {
			_, err = c.Finish(t.Context())
		}
		if err := errors.Join(err, journal.SetStage(t.Context(), o, carry.Served, carry.Digest{})); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Accounts.Account(t.Context(), account.ID(o)); !errors.Is(err, account.ErrUnknown) {
			t.Errorf("the account is there before its time: %v", err)
		}
	}
	for range 2 { // a crash may have it done once more
		if _, err := m.Account(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		if after := content(t, to, ids[0]); !equal(unshared(before), unshared(after)) {
			t.Error("blobs are others")
		}
		a, err := carry.DigestOf(from.Light(t.Context(), ids[0]))
		b, wrong := carry.DigestOf(to.Light(t.Context(), ids[0]))
		if a != b || err != nil || wrong != nil {
			t.Errorf("what is sealed is another thing: %v, %v", err, wrong)
		}
		if err := journal.SetStage(t.Context(), ids[0], carry.Served, carry.Digest{}); err != nil {
			t.Fatal(err)
		}
	}
	o := ids[1]
	if m.Undo(t.Context(), o) == nil || m.Leave(t.Context(), o) == nil {
		t.Error("an account is removed where it is the only one")
	}
	must(to.Index.Apply(t.Context(), o, []mailstore.Change{mailstore.Create{Name: "since"}, mailstore.Expunge{Box: 1, UIDs: []mailstore.UID{9}}}))
	there := content(t, to, o)
	light := must(carry.DigestOf(from.Light(t.Context(), o)))
	for range 2 {
		if err := journal.SetStage(t.Context(), o, carry.Served, carry.Digest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.BringBack(t.Context(), o, newJournal(t)); err != nil {
			t.Fatal(err)
		}
	}
	if !equal(unshared(there), unshared(content(t, from, o))) || must(from.Index.Modseq(t.Context(), o)) != must(to.Index.Modseq(t.Context(), o)) {
		t.Error("what came back is another thing")
	}
	if must(carry.DigestOf(from.Light(t.Context(), o))) != light {
		t.Error("the account did not stay what it was")
	}
	checkRows(t, from.Rows.(Carried).Index)
}
