package test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/placement"
	"sealpost/filestore/storagetest"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/postgres"
	"sealpost/storage/s3"
	"sealpost/test/remotes"
)

// remoteRooms are the rooms of one node that keep blobs, over remote stores and with rules.
type remoteRooms struct {
	t       *testing.T
	db      *postgres.DB
	blobs   *s3.Blobs
	placed  placement.Blobs
	worker  *s3.Worker
	book    *account.Book
	store   *mailstore.Store
	cabinet *cabinet.Cabinet
	drive   *drive.Drive
	queue   *queue.Queue
}

// rooms opens a node's rooms under rules, and lists of who is under which.
func (r *remote) rooms(t *testing.T, rules map[string]s3.Rule, named map[string][]string) *remoteRooms {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x := &remoteRooms{t: t}
	now := func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }
	log := slog.New(slog.DiscardHandler)
	var err error
	x.db, err = postgres.Open(t.Context(), r.database.URL, postgres.Options{Connections: 8})
	ok(err)
	t.Cleanup(func() { x.db.Close() })
	x.blobs, err = s3.New(t.Context(), x.db.Packs(), r.endpoints, rules, s3.Options{Wait: 2 * time.Millisecond, Now: now})
	ok(err)
	t.Cleanup(func() { x.blobs.Close() })
	x.worker = &s3.Worker{Blobs: x.blobs, Leases: x.db.Packs()}
	x.book = account.NewBook(x.db.Accounts(), []string{"demo.test", "other.test"}, bytes.Repeat([]byte{7}, 32), time.Now)
	lists, err := placement.NewLists(named)
	ok(err)
	finder, err := placement.NewFinder(x.addresses, lists, time.Now)
	ok(err)
	x.placed = placement.Blobs{Ruled: x.blobs, Finder: finder}
	bus := new(notify.Bus)
	x.store = &mailstore.Store{Index: x.db.Index(), Blobs: x.placed, Bus: bus, Log: log, Now: time.Now}
	x.cabinet = &cabinet.Cabinet{Store: x.db.Cabinet(), Blobs: x.placed, Bus: bus, Log: log}
	x.drive = &drive.Drive{Store: x.db.Drive(), Blobs: x.placed, Bus: bus, Log: log, Now: time.Now, Secret: make([]byte, 32), Patience: time.Hour}
	rows, err := x.db.Queue(t.Context(), "queue", r.key)
	ok(err)
	x.queue = &queue.Queue{Store: rows, Blobs: placement.Blobs{Ruled: x.blobs.Space(1), Finder: finder}, Key: r.key, Now: rows.Now}
	return x
}

func (x *remoteRooms) addresses(ctx context.Context, owner string) (keys []string, err error) {
	a, err := x.book.Account(ctx, account.ID(owner))
	for _, one := range a.Addresses {
		keys = append(keys, one.Key())
	}
	return keys, err
}

// person opens an account.
func (x *remoteRooms) person(address string) (account.Account, pgp.Recipient) {
	x.t.Helper()
	_, public, err := pgp.GenerateKey("", address, pgp.Compat, time.Now())
	if err != nil {
		x.t.Fatal(err)
	}
	cert, err := pgp.ParseCert(public)
	if err != nil {
		x.t.Fatal(err)
	}
	name, err := mail.ParseAddress(address)
	if err != nil {
		x.t.Fatal(err)
	}
	a, err := x.book.Add(x.t.Context(), account.New{Address: name, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline})
	if err != nil {
		x.t.Fatal(err)
	}
	if err := x.store.Welcome(x.t.Context(), mailstore.Owner(a.ID), 0); err != nil {
		x.t.Fatal(err)
	}
	to, err := x.book.Recipient(x.t.Context(), a)
	if err != nil {
		x.t.Fatal(err)
	}
	return a, to
}

// fill stores something of an account in each room, and gives the blobs of it.
func (x *remoteRooms) fill(a account.Account, to pgp.Recipient) (all []filestore.ID) {
	x.t.Helper()
	ctx, o := x.t.Context(), mailstore.Owner(a.ID)
	ok := func(err error) {
		x.t.Helper()
		if err != nil {
			x.t.Fatal(err)
		}
	}
	for _, text := range []string{"Subject: a\r\n\r\nsmall\r\n", "Subject: b\r\n\r\n" + strings.Repeat("large and larger still\r\n", 60_000)} {
		b := strings.NewReader(text)
		sealed, err := pgp.Seal(ctx, pgp.Mail{Bytes: b, Gist: mail.Look(ctx, b, mail.DefaultLimits), Time: time.Now()}, to)
		ok(err)
		event, err := x.store.Deliver(ctx, o, mailstore.Delivery{Box: "INBOX", Sealed: sealed})
		ok(err)
		for m, err := range x.store.Index.Mails(ctx, o, event.Box, event.UIDs) {
			ok(err)
			for _, l := range m.Letters {
				all = append(all, l.ID)
			}
		}
	}
	box := append([]byte{1}, make([]byte, 32+32+16+256)...)
	kept, err := x.cabinet.Put(ctx, o, cabinet.Place{Drawer: "drafts", Name: "one"}, 0, box)
	ok(err)
	all = append(all, kept.Blob.ID)
	content := storagetest.Content(1, 3<<20)
	by := drive.By{Owner: drive.Owner(a.ID)}
	object, err := x.drive.Begin(ctx, by, int64(len(content)))
	ok(err)
	_, err = x.drive.Put(ctx, by, object.ID, 0, sha256.Sum256(content), bytes.NewReader(content))
	ok(err)
	small := drive.NewID()
	_, err = x.drive.Bring(ctx, by.Owner, []drive.Small{{ID: small, Octets: content[:5000]}})
	ok(err)
	for _, id := range []drive.ID{object.ID, small} {
		parts, err := x.drive.Store.Parts(ctx, by.Owner, id, 0, 9)
		ok(err)
		for _, p := range parts {
			all = append(all, p.Blob.ID)
		}
	}
	before, err := x.queue.Store.Blobs(ctx)
	ok(err)
	_, err = x.queue.Put(ctx, queue.Mail{Account: string(a.ID), Envelope: smtp.Envelope{From: &a.Addresses[0]},
		Recipient: []queue.State{{Recipient: smtp.Recipient{Address: mail.Address{Local: "bob", Domain: "example.org"}}}}}, strings.NewReader("Subject: c\r\n\r\nwaits\r\n"))
	ok(err)
	after, err := x.queue.Store.Blobs(ctx)
	ok(err)
	for _, id := range after {
		if !slices.Contains(before, id) {
			all = append(all, id)
		}
	}
	return all
}

// lies says at which endpoints blobs lie, and looks whether their objects are there.
func (x *remoteRooms) lies(r *remote, blobs []filestore.ID) string {
	x.t.Helper()
	found, err := x.db.Packs().Find(x.t.Context(), blobs)
	if err != nil {
		x.t.Fatal(err)
	}
	all := map[string]bool{}
	store, err := x.db.Packs().Store(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	for _, f := range found {
		for _, name := range f.Object.Copies {
			i := slices.IndexFunc(r.endpoints, func(e s3.Endpoint) bool { return e.Name == name })
			key := hex.EncodeToString(store.ID[:]) + "/" + f.Object.Key.String()
			if _, err := r.client.StatObject(x.t.Context(), r.endpoints[i].Bucket, key, minio.StatObjectOptions{}); err != nil {
				x.t.Errorf("%s has not got an object it is said to have: %v", name, err)
			}
			all[name] = true
		}
	}
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Mail, cabinet, files and queue of an account lie with the providers that its rule allows and
// nowhere else; when the rule says otherwise, what is there goes there, and leaves after a grace.
func TestPlacementOfAccounts(t *testing.T) {
	t.Parallel()
	r := newRemote(t, remotes.NewBuckets(t, ".."), "east", "west", "south")
	rules := map[string]s3.Rule{"": {Copies: 1, Providers: []string{"east"}}, "two": {Copies: 2, Providers: []string{"west", "south"}}, "south": {Jurisdictions: []string{"land-of-south"}}}
	x := r.rooms(t, rules, map[string][]string{"two": {"other.test"}, "south": {"alice@other.test"}})
	people := map[string]string{"carol@demo.test": "east", "bob@other.test": "south west", "alice@other.test": "south"}
	blobs := map[string][]filestore.ID{}
	for address := range people {
		a, to := x.person(address)
		blobs[address] = x.fill(a, to)
		if len(blobs[address]) < 7 {
			t.Fatalf("%d blobs: the test does not see all rooms", len(blobs[address]))
		}
	}
	check := func(x *remoteRooms) {
		t.Helper()
		for address, want := range people {
			if got := x.lies(r, blobs[address]); got != want {
				t.Errorf("what %s has lies at %s, want %s", address, cmp.Or(got, "no place"), want)
			}
		}
	}
	check(x)

	rules["south"], people["alice@other.test"] = s3.Rule{Providers: []string{"west"}}, "west"
	x = r.rooms(t, rules, map[string][]string{"two": {"other.test"}, "south": {"alice@other.test"}})
	r.ahead.Add(int64(time.Hour))
	for range 2 { // the first round notes, the second copies
		if err := x.worker.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check(x)
	for _, id := range blobs["alice@other.test"] {
		if _, err := storagetest.Read(x.blobs, id); err != nil {
			t.Errorf("a blob that moved: %v", err)
		}
	}
	r.ahead.Add(int64(9 * 24 * time.Hour))
	if err := x.worker.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(x)
	named := 0
	for o, err := range x.db.Packs().Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(o.Copies, "south") {
			named++
		}
	}
	if n := r.at(t, "south"); n != named || n == 0 {
		t.Errorf("south has %d objects after the grace, and %d are to be there", n, named)
	}
}
