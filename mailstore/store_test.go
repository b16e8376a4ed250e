package mailstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/mailstore/storagetest"
	"sealpost/pgp"
)

const owner = mailstore.Owner("0123456789abcdef")

// world is a store over a model and over blobs in memory, both of which can fail.
type world struct {
	*mailstore.Store
	t     *testing.T
	index *faultyIndex
	blobs *memBlobs
	mu    sync.Mutex
	clock time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: time.Unix(1_700_000_000, 0)}
	w.index = &faultyIndex{Index: storagetest.NewModel(storagetest.Options{Now: w.now, Remember: 100})}
	w.blobs = &memBlobs{now: w.now, blobs: map[filestore.ID]memBlob{}}
	w.Store = &mailstore.Store{Index: w.index, Blobs: w.blobs, Bus: &notify.Bus{}, Log: slog.New(slog.DiscardHandler), Now: w.now}
	if err := w.Welcome(t.Context(), owner, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.index.fault = nil
		storagetest.Check(t, w.index, owner)
	})
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) tick(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// inUse are the blobs that entries point at, sorted.
func (w *world) inUse() []filestore.ID {
	w.t.Helper()
	var ids []filestore.ID
	for id, err := range w.index.Blobs(context.Background()) {
		if err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b filestore.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// faultyIndex fails Apply as it is told, before or after it was done.
type faultyIndex struct {
	mailstore.Index
	fault func(apply func() ([]mailstore.Event, error)) ([]mailstore.Event, error)
}

func (x *faultyIndex) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	apply := func() ([]mailstore.Event, error) { return x.Index.Apply(ctx, o, changes) }
	if x.fault != nil {
		return x.fault(apply)
	}
	return apply()
}

type memBlobs struct {
	now   func() time.Time
	mu    sync.Mutex
	blobs map[filestore.ID]memBlob
	puts  int
	fail  error
}

type memBlob struct {
	data   []byte
	stored time.Time
}

func (b *memBlobs) Put(_ context.Context, sources ...io.WriterTo) ([]filestore.Ref, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	if b.fail != nil {
		return nil, b.fail
	}
	var refs []filestore.Ref
	for _, s := range sources {
		var data bytes.Buffer
		if _, err := s.WriteTo(&data); err != nil {
			return nil, err
		}
		ref := filestore.Ref{Size: int64(data.Len())}
		for i := range ref.ID {
			ref.ID[i] = byte(rand.Uint32())
		}
		b.blobs[ref.ID] = memBlob{data.Bytes(), b.now()}
		refs = append(refs, ref)
	}
	return refs, nil
}

type openBlob struct{ *bytes.Reader }

func (openBlob) Close() error { return nil }

func (b *memBlobs) Open(_ context.Context, id filestore.ID) (filestore.Blob, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.blobs[id]
	if !ok {
		return nil, filestore.ErrNotFound
	}
	return openBlob{bytes.NewReader(found.data)}, nil
}

func (b *memBlobs) Delete(_ context.Context, ids ...filestore.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	for _, id := range ids {
		delete(b.blobs, id)
	}
	return nil
}

func (b *memBlobs) All(context.Context) iter.Seq2[filestore.Info, error] {
	return func(yield func(filestore.Info, error) bool) {
		b.mu.Lock()
		var all []filestore.Info
		for id, found := range b.blobs {
			all = append(all, filestore.Info{Ref: filestore.Ref{ID: id, Size: int64(len(found.data))}, Stored: found.stored})
		}
		b.mu.Unlock()
		for _, i := range all {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func (b *memBlobs) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.blobs)
}

var recipient = sync.OnceValues(func() (pgp.Recipient, error) {
	_, public, err := pgp.GenerateKey("Alice", "alice@demo.test", pgp.Compat, time.Unix(1_600_000_000, 0))
	if err != nil {
		return pgp.Recipient{}, err
	}
	cert, err := pgp.ParseCert(public)
	return pgp.Recipient{Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline}, err
})

func seal(t *testing.T, words string) pgp.Sealed {
	t.Helper()
	to, err := recipient()
	if err != nil {
		t.Fatal(err)
	}
	b := strings.NewReader("From: bob@example.org\r\nSubject: x\r\n\r\n" + words + "\r\n")
	s, err := pgp.Seal(t.Context(), pgp.Mail{Bytes: b, Gist: mail.Look(t.Context(), b, mail.DefaultLimits), Time: time.Unix(1_700_000_000, 0)}, to)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	woken, end := w.Bus.Subscribe(string(owner))
	defer end()
	sealed := seal(t, "hello")
	received := time.Unix(1_600_000_123, 0).UTC()
	e, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "inbox", Sealed: sealed, Flags: []string{"$Seen-by-rule"}, Received: received})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-woken:
	default:
		t.Error("nobody was woken")
	}
	for entry, err := range w.Index.Entries(t.Context(), owner, e.Box, 0) {
		if err != nil || entry.UID != e.UIDs[0] || !entry.Received.Equal(received) || len(entry.Flags) != 1 {
			t.Errorf("entry is %+v, %v", entry, err)
		}
		checkServed(t, w, e.Box, entry, sealed)
	}
	if w.blobs.puts != 1 {
		t.Errorf("%d calls of Put for one mail", w.blobs.puts)
	}
}

// TestDeliverAll stores mails for two mailboxes in one go and in their order, and
// of a batch that is over quota nothing.
func TestDeliverAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ds []mailstore.Delivery
	for i := range 10 {
		ds = append(ds, mailstore.Delivery{Box: []string{"INBOX", "Lists/Go"}[i%2], Make: true, Sealed: seal(t, strings.Repeat("x", 100*i))})
	}
	events, err := w.DeliverAll(t.Context(), owner, ds)
	if err != nil || len(events) != 10 {
		t.Fatal(events, err)
	}
	for i, e := range events {
		if e.UIDs[0] != mailstore.UID(i/2+1) || e.Box != events[i%2].Box {
			t.Errorf("mail %d went to mailbox %d as UID %d", i, e.Box, e.UIDs[0])
		}
	}
	if w.blobs.puts != 1 {
		t.Errorf("%d calls of Put for ten mails", w.blobs.puts)
	}
	before := len(w.inUse())
	if err := w.Welcome(t.Context(), owner, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeliverAll(t.Context(), owner, []mailstore.Delivery{{Box: "INBOX", Sealed: seal(t, "a")}, {Box: "INBOX", Sealed: seal(t, "b")}}); !errors.Is(err, mailstore.ErrOverQuota) {
		t.Errorf("over quota: %v", err)
	}
	if now := len(w.inUse()); now != before || len(w.blobs.blobs) != before {
		t.Errorf("%d blobs in use and %d there, want %d", now, len(w.blobs.blobs), before)
	}
}

// checkServed reads the mail back and compares the size in the index with the
// octets that IMAP would show.
func checkServed(t *testing.T, w *world, box mailstore.MailboxID, entry mailstore.Entry, sealed pgp.Sealed) {
	t.Helper()
	for m, err := range w.Index.Mails(t.Context(), owner, box, []mailstore.UID{entry.UID}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Letters) != len(sealed.Letters()) || m.ID == [16]byte{} || !bytes.Equal(m.Envelope, sealed.Envelope()) {
			t.Errorf("stored mail is %+v", m)
		}
		blob, err := w.Letter(t.Context(), m, pgp.KindMessage)
		if err != nil {
			t.Fatal(err)
		}
		defer blob.Close()
		served := pgp.Served{Outer: m.Outer, Form: m.Form, Raw: blob, RawSize: blob.Size()}
		octets, err := io.Copy(io.Discard, io.NewSectionReader(served, 0, 1<<30))
		if err != nil || octets != entry.Size || octets == 0 {
			t.Errorf("served %d octets (%v), the entry says %d", octets, err, entry.Size)
		}
		if _, err := w.Letter(t.Context(), m, pgp.KindHeader); !errors.Is(err, mailstore.ErrNoMail) {
			t.Errorf("a letter that is not there: %v", err)
		}
	}
}

func TestDeliverToNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		o    mailstore.Owner
		box  string
		make bool
		want error
	}{
		{owner, "nowhere", false, mailstore.ErrNoMailbox},
		{owner, "../etc", true, mailstore.ErrName},
		{owner, "Lists/go", true, nil},
		{owner, "Lists/go", true, nil},
		{owner, "Lists", false, nil},
		{"nobody", "INBOX", false, mailstore.ErrNoMailbox},
		{"nobody", "INBOX", true, mailstore.ErrNoOwner}, // a removed owner does not come back
	} {
		before := w.blobs.count()
		_, err := w.Deliver(t.Context(), c.o, mailstore.Delivery{Box: c.box, Make: c.make, Sealed: seal(t, "x")})
		if !errors.Is(err, c.want) {
			t.Errorf("%s %s: %v, want %v", c.o, c.box, err, c.want)
		}
		if err != nil && w.blobs.count() != before {
			t.Errorf("%s %s: a refused delivery left its blobs", c.o, c.box)
		}
	}
}

func TestDeliverNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX"}); err == nil || w.blobs.puts != 0 {
		t.Errorf("what Seal did not make was taken: %v", err)
	}
}

func TestDeliverFaults(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	for name, c := range map[string]struct {
		fault  func(func() ([]mailstore.Event, error)) ([]mailstore.Event, error)
		blobs  error
		stays  bool // blobs are kept: an entry may point at them
		stored bool
	}{
		"blobs fail":     {blobs: broken},
		"index refuses":  {fault: func(func() ([]mailstore.Event, error)) ([]mailstore.Event, error) { return nil, mailstore.ErrOverQuota }},
		"index breaks":   {fault: func(func() ([]mailstore.Event, error)) ([]mailstore.Event, error) { return nil, broken }, stays: true},
		"answer is lost": {fault: func(apply func() ([]mailstore.Event, error)) ([]mailstore.Event, error) { apply(); return nil, broken }, stays: true, stored: true},
	} {
		w := newWorld(t)
		w.index.fault, w.blobs.fail = c.fault, c.blobs
		if _, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: seal(t, "x")}); err == nil {
			t.Errorf("%s: no error", name)
		}
		w.index.fault, w.blobs.fail = nil, nil
		if (w.blobs.count() > 0) != c.stays || (len(w.inUse()) > 0) != c.stored {
			t.Errorf("%s: %d blobs, %d in use", name, w.blobs.count(), len(w.inUse()))
		}
		w.tick(2 * time.Hour)
		if _, err := w.Sweep(t.Context(), time.Hour); err != nil {
			t.Error(err)
		}
		if w.blobs.count() != len(w.inUse()) {
			t.Errorf("%s: after the sweep %d blobs, %d in use", name, w.blobs.count(), len(w.inUse()))
		}
	}
}

// D13: usage is the sum of what is stored, whoever races, and no blob of a
// refused mail stays.
func TestQuotaRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const writers, fit = 64, 3
	mails := make([]pgp.Sealed, writers)
	var each int64
	for i := range mails {
		mails[i] = seal(t, "x")
	}
	for _, l := range mails[0].Letters() {
		each += l.Size()
	}
	limit := fit*each + each/2
	if err := w.Welcome(t.Context(), owner, limit); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, m := range mails {
		all.Go(func() {
			if _, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: m}); err != nil && !errors.Is(err, mailstore.ErrOverQuota) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	u, err := w.Index.Usage(t.Context(), owner)
	if err != nil || u.Messages != fit || u.Bytes > limit {
		t.Errorf("usage is %+v, %v; want %d messages", u, err, fit)
	}
	if w.blobs.count() != len(w.inUse()) {
		t.Errorf("%d blobs, %d in use", w.blobs.count(), len(w.inUse()))
	}
	puts := w.blobs.puts
	w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: seal(t, "x")})
	if w.blobs.puts != puts {
		t.Error("a mail that cannot fit was written first")
	}
}

func TestApplyDeletesWhatItFreed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: seal(t, "x")})
	if err != nil {
		t.Fatal(err)
	}
	kept := w.blobs.count()
	if _, err := w.Store.Apply(t.Context(), owner, mailstore.Copy{From: e.Box, To: e.Box, UIDs: e.UIDs}, mailstore.Expunge{Box: e.Box, UIDs: e.UIDs}); err != nil {
		t.Fatal(err)
	}
	if w.blobs.count() != kept {
		t.Error("blobs of a copied mail were deleted with one of its entries")
	}
	if _, err := w.Store.Apply(t.Context(), owner, mailstore.Expunge{Box: e.Box}); err != nil {
		t.Fatal(err)
	}
	if w.blobs.count() != 0 {
		t.Error("blobs of an expunged mail stayed")
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: seal(t, "kept")}); err != nil {
		t.Fatal(err)
	}
	kept := w.inUse()
	old := put(t, w, "an orphan")
	w.tick(2 * time.Hour)
	young := put(t, w, "not yet in the index")
	n, err := w.Sweep(t.Context(), time.Hour)
	if err != nil || n != 1 {
		t.Errorf("swept %d, %v, want 1", n, err)
	}
	for id, want := range map[filestore.ID]bool{old: false, young: true, kept[0]: true} {
		if _, err := w.blobs.Open(t.Context(), id); (err == nil) != want {
			t.Errorf("blob is there: %v, want %v", err == nil, want)
		}
	}
	if !slices.Equal(w.inUse(), kept) {
		t.Error("the sweep changed the index")
	}
}

func put(t *testing.T, w *world, s string) filestore.ID {
	t.Helper()
	refs, err := w.blobs.Put(t.Context(), strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return refs[0].ID
}

// A delivery whose blobs are stored and whose entry is not yet survives a sweep
// even when the clock has jumped over the grace.
func TestSweepSparesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.fault = func(apply func() ([]mailstore.Event, error)) ([]mailstore.Event, error) {
		w.tick(24 * time.Hour)
		if n, err := w.Sweep(t.Context(), time.Hour); n != 0 || err != nil {
			t.Errorf("swept %d blobs in flight, %v", n, err)
		}
		return apply()
	}
	if _, err := w.Deliver(t.Context(), owner, mailstore.Delivery{Box: "INBOX", Sealed: seal(t, "x")}); err != nil {
		t.Fatal(err)
	}
	if w.blobs.count() == 0 || w.blobs.count() != len(w.inUse()) {
		t.Errorf("%d blobs, %d in use", w.blobs.count(), len(w.inUse()))
	}
}

// brokenList is an index whose list of blobs ends in an error.
type brokenList struct{ mailstore.Index }

func (brokenList) Blobs(context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) { yield(filestore.ID{}, errors.New("a row is damaged")) }
}

func TestSweepTrustsNoBrokenList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	put(t, w, "perhaps an orphan")
	w.tick(2 * time.Hour)
	w.Index = brokenList{w.Index}
	if n, err := w.Sweep(t.Context(), time.Hour); err == nil || n != 0 || w.blobs.count() != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Store.Apply(t.Context(), owner, mailstore.Rename{From: "Trash", To: "Bin"}, mailstore.Subscribe{Name: "Junk"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Welcome(t.Context(), owner, 777); err != nil {
		t.Fatal(err)
	}
	boxes, err := w.Index.Mailboxes(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range boxes {
		got = append(got, b.Name+" "+b.Use)
	}
	want := []string{`Archive \Archive`, `Bin \Trash`, `Drafts \Drafts`, `INBOX `, `Junk \Junk`, `Sent \Sent`, `Trash `}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if boxes[4].Subscribed || !boxes[3].Subscribed {
		t.Error("a second welcome changed what the owner had unsubscribed")
	}
	if u, _ := w.Index.Usage(t.Context(), owner); u.Quota != 777 {
		t.Errorf("quota is %d", u.Quota)
	}
}
