package imap_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"

	"sealpost/account"
	"sealpost/imap"
	"sealpost/mail"
	"sealpost/mailstore"
)

// What is appended comes back sealed, and opens to what was appended.
func TestAppendSealsAndFetchGivesItBack(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.client(h.alice, nil)
	for _, size := range []int{10, 5_000, 300_000, 1_500_000} {
		text := letter("canary-subject", strings.Repeat("the canary sings in line\r\n", size/26+1))
		data, err := appendMail(t, c, "INBOX", text, &goimap.AppendOptions{Flags: []goimap.Flag{goimap.FlagSeen}})
		h.must(err)
		_, err = c.Select("INBOX", nil).Wait()
		h.must(err)
		got := fetchBody(t, c, data.UID)
		if bytes.Contains(got, []byte("canary")) && bytes.Contains(got, []byte("sings")) {
			t.Fatalf("%d bytes were stored readable", size)
		}
		if back := h.restore(h.alice, got); back != text {
			t.Errorf("%d bytes: %d were restored, not %d", size, len(back), len(text))
		}
	}
	if strings.Contains(h.log.String(), "canary") {
		t.Error("the log holds a subject")
	}
}

func fetchBody(t testing.TB, c *imapclient.Client, uid goimap.UID) []byte {
	t.Helper()
	all := &goimap.FetchItemBodySection{Peek: true}
	got, err := c.Fetch(goimap.UIDSetNum(uid), &goimap.FetchOptions{RFC822Size: true, BodySection: []*goimap.FetchItemBodySection{all}}).Collect()
	if err != nil || len(got) != 1 {
		t.Fatalf("fetch UID %d: %d messages, %v", uid, len(got), err)
	}
	body := got[0].FindBodySection(all)
	if int64(len(body)) != got[0].RFC822Size {
		t.Errorf("UID %d: RFC822.SIZE is %d, the body has %d", uid, got[0].RFC822Size, len(body))
	}
	return body
}

// Ciphertext of the owner's is left as it is: a client may move its mail about.
func TestAppendLeavesCiphertextAlone(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	c := h.client(h.alice, nil)
	_, err := c.Select("INBOX", nil).Wait()
	h.must(err)
	first := fetchBody(t, c, 1)
	data, err := appendMail(t, c, "INBOX", string(first), nil)
	h.must(err)
	again := fetchBody(t, c, data.UID)
	if !bytes.Equal(packets(t, first), packets(t, again)) {
		t.Error("the message was sealed a second time")
	}
}

// packets are the armored lines of a served mail.
func packets(t *testing.T, served []byte) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(served, []byte("-----BEGIN PGP MESSAGE-----\r\n"))
	body, _, ok2 := bytes.Cut(rest, []byte("-----END"))
	if !ok || !ok2 {
		t.Fatalf("no armor in %.200q", served)
	}
	return body
}

// Every cut of a body is the same octets as the whole has there.
func TestPartialsAgreeWithTheWhole(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("one", strings.Repeat("hello\r\n", 20_000)))
	c := h.client(h.alice, nil)
	_, err := c.Select("INBOX", nil).Wait()
	h.must(err)
	whole := fetchBody(t, c, 1)
	for _, p := range []goimap.SectionPartial{{Size: 1}, {Size: 100}, {Offset: 99, Size: 70_000}, {Offset: int64(len(whole)) - 5, Size: 100}, {Offset: int64(len(whole)), Size: 5}, {Offset: 1 << 40, Size: 1 << 62}} {
		section := &goimap.FetchItemBodySection{Peek: true, Partial: &p}
		got, err := c.Fetch(goimap.UIDSetNum(1), &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{section}}).Collect()
		h.must(err)
		from := min(p.Offset, int64(len(whole)))
		to := from + min(p.Size, int64(len(whole))-from)
		if len(got) != 1 || len(got[0].BodySection) != 1 || !bytes.Equal(got[0].BodySection[0].Bytes, whole[from:to]) {
			t.Errorf("<%d.%d> differs", p.Offset, p.Size)
		}
	}
	head := &goimap.FetchItemBodySection{Peek: true, Specifier: goimap.PartSpecifierHeader}
	text := &goimap.FetchItemBodySection{Peek: true, Specifier: goimap.PartSpecifierText}
	got, err := c.Fetch(goimap.UIDSetNum(1), &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{head, text}}).Collect()
	h.must(err)
	if joined := append(slices.Clone(got[0].FindBodySection(head)), got[0].FindBodySection(text)...); !bytes.Equal(joined, whole) {
		t.Error("header and text are not the whole")
	}
	if !bytes.HasSuffix(got[0].FindBodySection(head), []byte("\r\n\r\n")) {
		t.Error("the header does not end in an empty line")
	}
}

func TestSignInBySCRAM(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, c := range []struct {
		user, password string
		ok             bool
	}{
		{h.alice.address, h.alice.password, true},
		{h.alice.address, h.bob.password, false},
		{"nobody@demo.test", h.alice.password, false},
	} {
		client, err := imapclient.DialTLS(h.imaps, &imapclient.Options{TLSConfig: h.tls})
		h.must(err)
		err = client.Authenticate(&scramClient{user: c.user, password: c.password})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.user, err)
		}
		if err == nil {
			if _, err := client.Select("INBOX", nil).Wait(); err != nil {
				t.Error(err)
			}
		}
		client.Close()
	}
}

// scramClient is the client's side of SCRAM-SHA-256 for imapclient.
type scramClient struct {
	user, password string
	talk           *scram.ClientConversation
}

func (s *scramClient) Start() (string, []byte, error) {
	c, err := scram.SHA256.NewClient(s.user, s.password, "")
	if err != nil {
		return "", nil, err
	}
	s.talk = c.NewConversation()
	first, err := s.talk.Step("")
	return "SCRAM-SHA-256", []byte(first), err
}

func (s *scramClient) Next(challenge []byte) ([]byte, error) {
	answer, err := s.talk.Step(string(challenge))
	if err == nil && s.talk.Done() && !s.talk.Valid() {
		err = fmt.Errorf("the server did not prove itself")
	}
	return []byte(answer), err
}

var _ sasl.Client = (*scramClient)(nil)

// ATTACKS D14: who asks cannot tell a wrong user from a wrong password. That
// the words are the same is in testdata/lobby.txtar. Not parallel: it measures.
func TestWrongUserAndWrongPasswordTakeTheSameTime(t *testing.T) {
	h := build(t, func(s *imap.Server) { s.Throttle = nil })
	took := map[string][]time.Duration{}
	try := func(user string) {
		c, err := imapclient.DialTLS(h.imaps, &imapclient.Options{TLSConfig: h.tls})
		h.must(err)
		defer c.Close()
		start := time.Now()
		if err := c.Login(user, "wrong wrong wrong").Wait(); err == nil {
			t.Error("signed in")
		}
		took[user] = append(took[user], time.Since(start))
	}
	// The quickest of each, for a busy machine only ever adds; it may take many tries
	// until both were left alone. Answers leave on ticks of 10 ms, so more than one
	// apart is a difference that can be seen, and that no number of tries takes away.
	var known, unknown time.Duration
	for round := range 120 {
		try(h.alice.address)
		try("nobody@demo.test")
		known, unknown = slices.Min(took[h.alice.address]), slices.Min(took["nobody@demo.test"])
		if round >= 14 && (known-unknown).Abs() <= 12*time.Millisecond {
			return
		}
	}
	t.Errorf("a wrong password takes %v, a wrong user %v", known, unknown)
}

// updates counts what a client is told without asking.
type updates struct {
	exists   chan uint32
	expunged chan uint32
	flags    chan []goimap.Flag
}

func listen() (*updates, *imapclient.Options) {
	u := &updates{make(chan uint32, 1000), make(chan uint32, 1000), make(chan []goimap.Flag, 1000)}
	return u, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Expunge: func(n uint32) { u.expunged <- n },
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				u.exists <- *d.NumMessages
			}
		},
		Fetch: func(m *imapclient.FetchMessageData) {
			if b, err := m.Collect(); err == nil {
				u.flags <- b.Flags
			}
		},
	}}
}

func within[T any](t *testing.T, what string, c <-chan T, limit time.Duration) (v T) {
	t.Helper()
	start := time.Now()
	select {
	case v = <-c:
		if d := time.Since(start); d > limit {
			t.Errorf("%s was told after %v", what, d)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%s was never told", what)
	}
	return v
}

func TestIdleTellsAtOnce(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	u, o := listen()
	c := h.client(h.alice, o)
	_, err := c.Select("INBOX", nil).Wait()
	h.must(err)
	// What came between the last command and IDLE is told, too.
	h.deliver(h.alice, "INBOX", letter("two", "hello"))
	idle, err := c.Idle()
	h.must(err)
	const soon = 300 * time.Millisecond // 100 ms on a machine that is not busy; BenchmarkIdle measures
	if n := within(t, "the mail from before IDLE", u.exists, soon); n != 2 {
		t.Errorf("EXISTS says %d", n)
	}
	h.deliver(h.alice, "INBOX", letter("three", "hello"))
	if n := within(t, "a mail", u.exists, soon); n != 3 {
		t.Errorf("EXISTS says %d", n)
	}
	other := h.client(h.alice, nil)
	_, err = other.Select("INBOX", nil).Wait()
	h.must(err)
	h.must(other.Store(goimap.SeqSetNum(2), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close())
	if f := within(t, "a flag", u.flags, soon); !slices.Contains(f, goimap.FlagDeleted) {
		t.Errorf("flags are %v", f)
	}
	h.must(other.Expunge().Close())
	if n := within(t, "an expunge", u.expunged, soon); n != 2 {
		t.Errorf("EXPUNGE says %d", n)
	}
	h.must(idle.Close())
	h.must(idle.Wait())
	h.must(c.Noop().Wait())
}

// An expunge by another session must not shift numbers under a FETCH.
func TestExpungeWaitsForItsMoment(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, s := range []string{"one", "two", "three"} {
		h.deliver(h.alice, "INBOX", letter(s, "hello"))
	}
	u, o := listen()
	c := h.client(h.alice, o)
	_, err := c.Select("INBOX", nil).Wait()
	h.must(err)
	h.expunge(h.alice, "INBOX", 1)
	got, err := c.Fetch(goimap.SeqSetNum(1, 2, 3), &goimap.FetchOptions{UID: true, Flags: true}).Collect()
	h.must(err)
	for _, m := range got {
		if uint32(m.UID) != m.SeqNum {
			t.Errorf("number %d is UID %d", m.SeqNum, m.UID)
		}
	}
	if len(u.expunged) > 0 {
		t.Error("FETCH by number told an EXPUNGE")
	}
	h.must(c.Noop().Wait())
	if n := within(t, "an expunge", u.expunged, time.Second); n != 1 {
		t.Errorf("EXPUNGE says %d", n)
	}
}

func (h *house) expunge(p person, box string, uids ...mailstore.UID) {
	h.Helper()
	_, err := h.store.Apply(context.Background(), p.owner(), mailstore.Expunge{Box: h.box(p, box).ID, UIDs: uids})
	h.must(err)
}

func (h *house) box(p person, name string) mailstore.Mailbox {
	h.Helper()
	boxes, err := h.store.Index.Mailboxes(context.Background(), p.owner())
	h.must(err)
	at := slices.IndexFunc(boxes, func(b mailstore.Mailbox) bool { return b.Name == name })
	if at < 0 {
		h.Fatalf("no mailbox %s", name)
	}
	return boxes[at]
}

// The index forgets old expunges; a session that slept through more than it
// remembers still learns what is gone.
func TestExpungesBeyondMemory(t *testing.T) {
	t.Parallel()
	h := build(t) // remembers 50
	for n := range 120 {
		h.deliver(h.alice, "INBOX", letter(fmt.Sprint("m", n), "hello"))
	}
	u, o := listen()
	c := h.client(h.alice, o)
	_, err := c.Select("INBOX", nil).Wait()
	h.must(err)
	for uid := range mailstore.UID(110) {
		h.expunge(h.alice, "INBOX", uid+1)
	}
	h.must(c.Noop().Wait())
	got, err := c.Fetch(goimap.SeqSet{{Start: 1, Stop: 0}}, &goimap.FetchOptions{UID: true}).Collect()
	h.must(err)
	if len(got) != 10 || got[0].UID != 111 || len(u.expunged) != 110 {
		t.Errorf("%d messages are left from UID %d, %d expunges told", len(got), got[0].UID, len(u.expunged))
	}
}

func TestQuotaAndKeysFail(t *testing.T) {
	t.Parallel()
	h := build(t)
	ctx := context.Background()
	c := h.client(h.alice, nil)
	_, err := h.store.Apply(ctx, h.alice.owner(), mailstore.SetQuota{Bytes: 100})
	h.must(err)
	_, err = appendMail(t, c, "INBOX", letter("one", "hello"), nil)
	wantCode(t, err, goimap.ResponseCodeOverQuota)
	_, err = h.store.Apply(ctx, h.alice.owner(), mailstore.SetQuota{})
	h.must(err)

	// A key that cannot be used any more must never mean plaintext (ATTACKS A14).
	broken := account.Account{}
	all, err := h.book.Accounts(ctx)
	h.must(err)
	for _, a := range all {
		if a.ID == h.alice.id {
			broken = a
		}
	}
	broken.Cert = []byte("no certificate")
	h.must(h.accounts.Put(ctx, broken))
	_, err = appendMail(t, c, "INBOX", letter("two", "hello"), nil)
	wantCode(t, err, goimap.ResponseCodeUnavailable)
	status, err := c.Status("INBOX", &goimap.StatusOptions{NumMessages: true}).Wait()
	h.must(err)
	if *status.NumMessages != 0 {
		t.Errorf("%d messages were stored", *status.NumMessages)
	}
}

// A session that outlives its account seals to nobody else's key, even if its
// address is another's by now.
func TestAddressThatChangedHands(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.client(h.alice, nil)
	ctx := context.Background()
	h.must(h.accounts.Delete(ctx, h.alice.id)) // by another node: the book here did not see it
	address, err := mail.ParseAddress(h.alice.address)
	h.must(err)
	h.must(h.book.Free(ctx, address)) // as an operator may
	h.person(h.alice.address)
	_, err = appendMail(t, c, "INBOX", letter("one", "hello"), nil)
	wantCode(t, err, goimap.ResponseCodeContactAdmin)
}

func wantCode(t *testing.T, err error, code goimap.ResponseCode) {
	t.Helper()
	said, ok := err.(*goimap.Error)
	if !ok || said.Code != code || said.Type != goimap.StatusResponseTypeNo {
		t.Errorf("got %v, want NO [%s]", err, code)
	}
}

// Two accounts never meet (ATTACKS D12).
func TestNobodySeesAnothersMail(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	_, err := h.store.Apply(context.Background(), h.alice.owner(), mailstore.Create{Name: "Secret"})
	h.must(err)
	c := h.client(h.bob, nil)
	boxes, err := c.List("", "*", nil).Collect()
	h.must(err)
	for _, b := range boxes {
		if b.Mailbox == "Secret" {
			t.Error("bob sees alice's mailbox")
		}
	}
	_, err = c.Select("Secret", nil).Wait()
	wantCode(t, err, goimap.ResponseCodeNonExistent)
	got, err := c.Select("INBOX", nil).Wait()
	h.must(err)
	if got.NumMessages != 0 {
		t.Error("bob sees alice's mail")
	}
}

// A large body is never whole in memory (ATTACKS D10). Half-way through, the
// server holds no more than its buffers. Not parallel: it measures the heap.
func TestLargeBodiesStream(t *testing.T) {
	h := build(t)
	raw := make([]byte, 9<<20)
	rand.Read(raw)
	h.deliver(h.alice, "INBOX", letter("large", wrapped(raw)))
	raw = nil
	c := h.client(h.alice, nil)
	_, err := c.Select("INBOX", nil).Wait()
	h.must(err)
	before := inUse()
	section := &goimap.FetchItemBodySection{Peek: true}
	fetch := c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{section}})
	defer fetch.Close()
	body, ok := fetch.Next().Next().(imapclient.FetchItemDataBodySection)
	if !ok {
		t.Fatal("no body")
	}
	half, err := io.CopyN(io.Discard, body.Literal, 6<<20)
	h.must(err)
	if grown := inUse() - before; grown > 6<<20 {
		t.Errorf("half-way, a body takes %d bytes of heap", grown)
	}
	rest, err := io.Copy(io.Discard, body.Literal)
	h.must(err)
	if half+rest < 12<<20 {
		t.Errorf("the body has only %d bytes", half+rest)
	}
}

func wrapped(raw []byte) string {
	text := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	b.Grow(len(text) + len(text)/38 + 2)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text)
	return b.String()
}
