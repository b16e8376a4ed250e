package imap

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore/nodekey"
	"sealpost/imap/wire"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
)

// entrances are the states that a client's octets may meet, and what brings a
// connection there.
var entrances = []struct {
	name, before string
	in           bool // signed in
}{
	{"not signed in", "", false},
	{"signed in", "", true},
	{"selected", "s SELECT INBOX\r\n", true},
	{"read only", "s EXAMINE INBOX\r\n", true},
	{"telling all", "s ENABLE QRESYNC IMAP4rev2\r\ns SELECT INBOX\r\ns NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge MailboxName))\r\n", true},
	{"by UID alone", "s ENABLE UIDONLY UTF8=ACCEPT\r\ns SELECT INBOX\r\n", true},
	{"IDLE", "s SELECT INBOX\r\ns IDLE\r\n", true},
	{"IDLE without a mailbox", "s IDLE\r\n", true},
	{"a literal before sign-in", "s LOGIN {20}\r\n", false},
	{"a literal of a name", "s CREATE {20+}\r\n", true},
	{"a literal among keys", "s SELECT INBOX\r\ns SEARCH SUBJECT {20}\r\n", true},
	{"a mail", "s APPEND INBOX (\\Seen) {40}\r\n", true},
	{"a mail in another's place", "s SELECT INBOX\r\ns REPLACE 1 INBOX {40+}\r\n", true},
}

// FuzzSession: whatever a client sends, in whatever state, every command is answered
// once, in responses that a client can take apart; nobody comes in without a
// password; nothing panics, and it ends.
func FuzzSession(f *testing.F) {
	for n := range entrances {
		for _, s := range []string{
			"", "a NOOP\r\nb LOGOUT\r\n", "DONE\r\na NOOP\r\n", "0123456789012345678\n {3}\r\nabc\r\na NOOP\r\n",
			"From: a@b\r\nSubject: c\r\n\r\nhello, hello, hello\r\n (\\Seen) {5+}\r\nhello\r\na NOOP\r\n",
			"a STARTTLS\r\na LOGIN x y\r\n", "a FETCH 1:* (FLAGS BODY[])\r\na STORE 1 +FLAGS (\\Deleted x)\r\na UID EXPUNGE 1\r\n",
		} {
			f.Add(uint8(n), s)
		}
	}
	for _, d := range dialogues(f) {
		f.Add(d.state, d.text)
	}
	g := newGround(f)
	g.tidy(f)
	f.Fuzz(func(t *testing.T, state uint8, text string) {
		how := entrances[int(state)%len(entrances)]
		s, c := g.session(how.before+text, how.in)
		c.rounds(t, s)
		if s.account != "" && !how.in {
			t.Fatalf("%q came in", text)
		}
		s.leave()
		g.tidy(t)
	})
}

// FuzzAuthenticate: whatever stands in an exchange of SASL, nobody comes in, each
// challenge is one line, and what follows the exchange is read as commands.
func FuzzAuthenticate(f *testing.F) {
	for n := range uint8(3) {
		for _, s := range []string{
			"AGEAYg==\r\na NOOP\r\n", "*\r\n", "=\r\n", "{5+}\r\nhello\r\n", "biwsbj1hbGljZUBkZW1vLnRlc3Qscj1hYmM=\r\nYz1iaXdzLHI9YWJjLHA9QUFBQQ==\r\n",
			"eSwsbj1hLHI9YQ==\r\n\r\n\r\n\r\n\r\n", "cD10bHMtZXhwb3J0ZXIsLG49YSxyPWE=\r\nxx\r\n",
		} {
			f.Add(n, s, false)
			f.Add(n, s, true)
		}
	}
	g := newGround(f)
	caller := account.Caller{TLS: handshake(f)}
	f.Fuzz(func(t *testing.T, mechanism uint8, text string, initial bool) {
		s, c := g.session(text, false)
		names := caller.Mechanisms()
		step, err := s.door().Begin(caller, names[int(mechanism)%len(names)])
		if err != nil {
			t.Fatal(err)
		}
		x := sasl{session: s}
		if initial {
			line, _ := s.wire.ReadLine(nil, wire.LobbyCommand)
			x.initial, x.err = decode(string(line))
		}
		who, err := x.run(g.ctx, step)
		if err == nil || who.ID != "" {
			t.Fatalf("%q came in", text)
		}
		s.wire.Flush()
		for line := range strings.Lines(c.out.String()) {
			challenge, ok := strings.CutPrefix(strings.TrimSuffix(line, "\r\n"), "+ ")
			if _, err := base64.StdEncoding.DecodeString(challenge); !strings.HasPrefix(line, "* BYE ") && (!ok || err != nil) {
				t.Fatalf("%q was answered %q", text, line)
			}
		}
		c.rounds(t, s)
	})
}

// ground is a server without a network, and one account in it.
type ground struct {
	server *Server
	ctx    context.Context
	alice  account.Account
	mail   pgp.Sealed
}

func newGround(f *testing.F) *ground {
	f.Helper()
	ok := func(err error) {
		f.Helper()
		if err != nil {
			f.Fatal(err)
		}
	}
	dir, log := f.TempDir(), slog.New(slog.DiscardHandler)
	db, err := bolt.Open(filepath.Join(dir, "index"), bolt.Options{Remember: 50})
	ok(err)
	f.Cleanup(func() { db.Close() })
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{})
	ok(err)
	f.Cleanup(func() { blobs.Close() })
	g := &ground{ctx: context.Background()}
	g.server = &Server{
		Book:  account.NewBook(db.Accounts(), []string{"demo.test"}, bytes.Repeat([]byte{1}, 32), time.Now),
		Store: &mailstore.Store{Index: db.Index(), Blobs: blobs, Bus: &notify.Bus{}, Log: log, Now: time.Now},
		Key:   nodekey.Random(), Log: log, Now: time.Now, Spool: dir, Limits: DefaultLimits,
	}
	g.server.open()
	_, public, err := pgp.GenerateKey("", "alice@demo.test", pgp.Compat, time.Now())
	ok(err)
	cert, err := pgp.ParseCert(public)
	ok(err)
	name, err := mail.ParseAddress("alice@demo.test")
	ok(err)
	g.alice, err = g.server.Book.Add(g.ctx, account.New{Address: name, Cert: cert, Profile: pgp.Compat, Level: pgp.Open})
	ok(err)
	_, err = g.server.Book.AddPassword(g.ctx, g.alice.ID, "test")
	ok(err)
	to, err := g.server.Book.Recipient(g.ctx, g.alice)
	ok(err)
	text := strings.NewReader("From: a@b.test\r\nTo: alice@demo.test\r\nSubject: one\r\nMessage-ID: <one@b.test>\r\n\r\nhello\r\n")
	g.mail, err = pgp.Seal(g.ctx, pgp.Mail{Bytes: text, Gist: mail.Look(g.ctx, text, mail.DefaultLimits), Time: time.Now()}, to)
	ok(err)
	return g
}

// tidy gives the account three mails, and no more mailboxes than anybody begins with.
func (g *ground) tidy(t testing.TB) {
	t.Helper()
	store, owner := g.server.Store, mailstore.Owner(g.alice.ID)
	boxes, err := store.Index.Mailboxes(g.ctx, owner)
	if err != nil {
		t.Fatal(err)
	}
	all := uint32(0)
	for _, b := range boxes {
		all += b.Messages
	}
	if len(boxes) == 6 && all == 3 {
		return
	}
	if len(boxes) > 0 {
		_, err = store.Apply(g.ctx, owner, mailstore.Forget{})
	}
	if err == nil {
		err = store.Welcome(g.ctx, owner, 0)
	}
	for range 3 {
		if err == nil {
			_, err = store.Deliver(g.ctx, owner, mailstore.Delivery{Box: mailstore.Inbox, Sealed: g.mail, Received: time.Now()})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// handshake is a TLS connection that channels can be bound to.
func handshake(f *testing.F) *tls.ConnectionState {
	f.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.Fatal(err)
	}
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	go server.HandshakeContext(f.Context())
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	if err := client.HandshakeContext(f.Context()); err != nil {
		f.Fatal(err)
	}
	state := client.ConnectionState()
	return &state
}

// session is one whose client sends text and is heard no more.
func (g *ground) session(text string, in bool) (*session, *spoken) {
	c := &spoken{in: strings.NewReader(text)}
	s := &session{server: g.server, ctx: g.ctx, log: g.server.Log, tls: in, gone: func() {}}
	s.wire = wire.New(c, wire.Times{Read: time.Minute, Write: time.Minute})
	if in {
		s.enter(g.alice)
	}
	return s, c
}

// spoken is a connection that gives what a client sends and keeps what it is told.
type spoken struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (c *spoken) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *spoken) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *spoken) Close() error                     { return nil }
func (c *spoken) SetReadDeadline(time.Time) error  { return nil }
func (c *spoken) SetWriteDeadline(time.Time) error { return nil }

// rounds does what the client asks for until its end, and checks what it is told.
func (c *spoken) rounds(t *testing.T, s *session) {
	t.Helper()
	s.wire.Flush()
	for c.out.Reset(); !s.wire.Over(); c.out.Reset() {
		if s.idling != "" {
			s.stir(true)
		}
		s.see(false)
		s.wire.Flush()
		answers, err := heard(c.out.Bytes(), s.wire.UTF8)
		if err != nil || answers > 1 || answers == 0 && s.idling == "" && !s.wire.Over() {
			t.Fatalf("%d answers, %v, in %q", answers, err, c.out.String())
		}
	}
}

var (
	responseHead = regexp.MustCompile(`^(\* |\+ |[^\x00-\x20\x7f-\xff(){%*"\\+]{1,64} (?:OK|NO|BAD) )`)
	prose        = regexp.MustCompile(`^(\* (?:OK|NO|BAD|BYE) |\+ |[^*+])`)
	announced    = regexp.MustCompile(`~?\{([0-9]+)\}\r\n$`)
)

// heard takes responses apart as a client does (RFC 9051, section 7), and counts
// those that end a command.
func heard(out []byte, utf8 bool) (answers int, err error) {
	for len(out) > 0 {
		text, size := response(out)
		out = out[size:]
		switch {
		case !bytes.HasSuffix(text, []byte("\r\n")) || bytes.ContainsAny(text[:len(text)-2], "\r\n\x00"):
			return answers, fmt.Errorf("%q is no line", text)
		case !responseHead.Match(text):
			return answers, fmt.Errorf("%q is no response", text)
		case !utf8 && bytes.ContainsFunc(text, func(r rune) bool { return r > 0x7e }):
			return answers, fmt.Errorf("%q has eight bits", text)
		case !prose.Match(text) && !balanced(text):
			return answers, fmt.Errorf("%q is out of balance", text)
		case bytes.HasPrefix(text, []byte("* NO [NOUPDATE ")): // and an answer
		case text[0] != '*' && text[0] != '+', bytes.HasPrefix(text, []byte("* BAD ")), bytes.HasPrefix(text, []byte("* NO ")):
			answers++
		}
	}
	return answers, nil
}

// response is the first one without its literals, and its size with them.
func response(out []byte) (text []byte, size int) {
	for {
		line, _, _ := bytes.Cut(out[size:], []byte("\n"))
		end := min(size+len(line)+1, len(out))
		text = append(text, out[size:end]...)
		size = end
		m := announced.FindSubmatchIndex(text)
		if m == nil {
			return text, size
		}
		n, _ := strconv.Atoi(string(text[m[2]:m[3]]))
		text = append(text[:m[0]], '"', '"')
		size = min(size+n, len(out))
	}
}

// balanced says whether parentheses and quotes close.
func balanced(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text) && depth >= 0; i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
	}
	return depth == 0 && !quoted
}

type dialogue struct {
	state uint8
	text  string
}

// dialogues are what clients say in testdata.
func dialogues(f *testing.F) (all []dialogue) {
	f.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no dialogues: %v", err)
	}
	for _, path := range paths {
		archive, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		d := dialogue{}
		for line := range strings.Lines(string(archive)) {
			line = strings.TrimSuffix(line, "\n")
			said, is := strings.CutPrefix(line, "C:")
			switch {
			case strings.HasPrefix(line, "-- "):
				all = append(all, d)
				d = dialogue{}
			case line == "@ login":
				d.state = 1
			case is:
				d.text += strings.TrimPrefix(said, " ") + "\r\n"
			}
		}
		all = append(all, d)
	}
	return all
}
