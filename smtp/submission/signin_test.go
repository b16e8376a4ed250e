package submission_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/submission"
	"sealpost/storage/bolt"
)

// porch is a submission door over a real account book, with alice behind it. Mail
// goes nowhere: these are tests of who comes in.
type porch struct {
	*testing.T
	book     *account.Book
	throttle *account.Throttle
	alice    account.Account
	word     string
	addr     string
	log      *strings.Builder
	logging  sync.Mutex
}

func (p *porch) Write(b []byte) (int, error) {
	p.logging.Lock()
	defer p.logging.Unlock()
	return p.log.Write(b)
}

// build starts it behind implicit TLS. A nil throttle slows nobody down.
func build(t *testing.T, throttle *account.Throttle) *porch {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "index"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	p := &porch{T: t, throttle: throttle, log: &strings.Builder{}}
	p.book = account.NewBook(db.Accounts(), []string{"demo.test"}, []byte(strings.Repeat("s", 32)), time.Now)
	_, public, err := pgp.GenerateKey("", "alice@demo.test", pgp.Compat, time.Now())
	p.must(err)
	cert, err := pgp.ParseCert(public)
	p.must(err)
	name, err := mail.ParseAddress("alice@demo.test")
	p.must(err)
	p.alice, err = p.book.Add(t.Context(), account.New{Address: name, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline})
	p.must(err)
	p.word = p.password("phone")
	p.serve()
	return p
}

func (p *porch) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *porch) password(name string) string {
	p.Helper()
	word, err := p.book.AddPassword(p.Context(), p.alice.ID, name)
	p.must(err)
	return word.Reveal()
}

func (p *porch) serve() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.must(err)
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	p.must(err)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s := &smtp.Server{
		Handler:  nowhere{},
		Hostname: "mx.test",
		TLS:      config,
		Limits:   smtp.Limits{PerAddress: 1000},
		SignIn:   submission.SignIn{Door: account.Door{Book: p.book, Throttle: p.throttle}},
		Log:      slog.New(slog.NewTextHandler(p, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	p.must(err)
	p.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	p.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			p.Error(err)
		}
	})
}

// nowhere takes mail and says whose it is.
type nowhere struct{}

func (nowhere) Begin(_ context.Context, p smtp.Peer, _ *mail.Address, _ smtp.MailOptions) (smtp.Transaction, error) {
	if p.User == nil {
		return nil, errors.New("nobody signed in")
	}
	return nil, &smtp.Reply{Code: 550, Enhanced: "5.0.0", Text: "from " + p.User.Account + " by " + p.User.Password}
}

// visitor is a client that speaks for itself.
type visitor struct {
	*porch
	conn *tls.Conn
	in   *bufio.Reader
}

func (p *porch) visit() *visitor {
	p.Helper()
	conn, err := tls.Dial("tcp", p.addr, &tls.Config{InsecureSkipVerify: true})
	p.must(err)
	p.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	v := &visitor{p, conn, bufio.NewReader(conn)}
	v.reply()
	v.say("EHLO c")
	return v
}

// reply reads a whole reply and returns its last line.
func (v *visitor) reply() string {
	v.Helper()
	for {
		line, err := v.in.ReadString('\n')
		if err != nil {
			return "EOF"
		}
		if line[3] == ' ' {
			return strings.TrimSuffix(line, "\r\n")
		}
	}
}

func (v *visitor) say(line string) string {
	v.Helper()
	io.WriteString(v.conn, line+"\r\n")
	return v.reply()
}

func coded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func (v *visitor) plain(user, password string) string {
	v.Helper()
	return v.say("AUTH PLAIN " + coded("\x00"+user+"\x00"+password))
}

// login is what old Outlook does, or, at once, what others do.
func (v *visitor) login(user, password string, atOnce bool) (said []string) {
	v.Helper()
	if atOnce {
		said = append(said, v.say("AUTH LOGIN "+coded(user)))
	} else {
		said = append(said, v.say("AUTH LOGIN"), v.say(coded(user)))
	}
	return append(said, v.say(coded(password)))
}

// scram runs an exchange and returns all that the server said.
func (v *visitor) scram(mechanism, user, password string, bind *tls.ConnectionState) (said []string) {
	v.Helper()
	client, err := scram.SHA256.NewClientUnprepped(user, password, "")
	v.must(err)
	talk := client.NewConversation()
	if bind != nil {
		binding, err := scram.NewTLSExporterBinding(bind)
		v.must(err)
		talk = client.NewConversationWithChannelBinding(binding)
	}
	first, err := talk.Step("")
	v.must(err)
	line := v.say("AUTH " + mechanism + " " + coded(first))
	for {
		challenge, more := strings.CutPrefix(line, "334 ")
		if !more {
			return append(said, line)
		}
		text, err := base64.StdEncoding.DecodeString(challenge)
		v.must(err)
		said = append(said, timeless(string(text)))
		answer, err := talk.Step(string(text))
		v.must(err)
		line = v.say(coded(answer))
	}
}

// timeless is a server's message with the octets of nonce and salt cut out, but
// not how many they are.
func timeless(message string) string {
	fields := strings.Split(message, ",")
	for i, f := range fields {
		if strings.HasPrefix(f, "r=") || strings.HasPrefix(f, "s=") {
			fields[i] = fmt.Sprint(f[:2], len(f))
		}
	}
	return strings.Join(fields, ",")
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	p := build(t, account.NewThrottle(account.DefaultPaces(), time.Now))
	tablet := p.password("tablet")
	for name, signIn := range map[string]func(v *visitor) string{
		"PLAIN":         func(v *visitor) string { return v.plain("alice@demo.test", tablet) },
		"LOGIN":         func(v *visitor) string { return last(v.login("alice@demo.test", tablet, false)) },
		"LOGIN at once": func(v *visitor) string { return last(v.login("alice@demo.test", tablet, true)) },
		"SCRAM": func(v *visitor) string {
			return last(v.scram("SCRAM-SHA-256", "alice@demo.test", tablet, nil))
		},
		"SCRAM, bound": func(v *visitor) string {
			state := v.conn.ConnectionState()
			return last(v.scram("SCRAM-SHA-256-PLUS", "alice@demo.test", tablet, &state))
		},
	} {
		v := p.visit()
		if got := signIn(v); got != "235 2.7.0 welcome" {
			t.Errorf("%s: %s", name, got)
		}
		if got, want := v.say("MAIL FROM:<>"), "550 5.0.0 from "+string(p.alice.ID)+" by tablet"; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	elsewhere := p.visit().conn.ConnectionState()
	if got := last(p.visit().scram("SCRAM-SHA-256-PLUS", "alice@demo.test", tablet, &elsewhere)); got != "535 5.7.8 user name or password is wrong" {
		t.Errorf("bound to another connection: %s", got)
	}
	v := p.visit()
	if got := v.say("AUTH GSSAPI"); got != "504 5.5.4 no such mechanism" {
		t.Error(got)
	}
	if got, want := v.login("alice@demo.test", tablet, false), []string{"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 welcome"}; !slices.Equal(got, want) {
		t.Errorf("LOGIN says %q", got) // old clients look for these very words
	}
	if got := v.say("EHLO c"); !strings.HasPrefix(got, "250 ") {
		t.Error(got)
	}
	p.logging.Lock()
	defer p.logging.Unlock()
	for _, word := range []string{"alice", "demo.test", tablet} {
		if strings.Contains(p.log.String(), word) {
			t.Errorf("the log holds %q:\n%s", word, p.log)
		}
	}
}

func last(said []string) string { return said[len(said)-1] }

func TestSubmissionEndsWithItsPassword(t *testing.T) {
	t.Parallel()
	p := build(t, nil)
	tablet := p.password("tablet")
	phone, gone := p.visit(), p.visit()
	phone.plain("alice@demo.test", p.word)
	gone.plain("alice@demo.test", tablet)
	p.must(p.book.RemovePassword(t.Context(), p.alice.ID, "tablet"))
	if got := gone.reply(); got != "421 4.7.0 this app password was revoked, closing" {
		t.Error(got)
	}
	if got := phone.say("NOOP"); got != "250 2.0.0 ok" {
		t.Error(got)
	}
	p.must(p.book.Remove(t.Context(), p.alice.ID))
	if got := phone.reply(); got != "421 4.7.0 this app password was revoked, closing" {
		t.Error(got)
	}
}

// ATTACKS D14: a wrong user and a wrong password hear the same octets, by PLAIN
// and at each step of SCRAM; only the salts differ, as those of two users do.
func TestWrongUserAndWrongPasswordHearTheSame(t *testing.T) {
	t.Parallel()
	p := build(t, nil)
	for name, try := range map[string]func(user string) []string{
		"PLAIN": func(user string) []string { return []string{p.visit().plain(user, "wrong")} },
		"LOGIN": func(user string) []string { return p.visit().login(user, "wrong", false) },
		"SCRAM": func(user string) []string { return p.visit().scram("SCRAM-SHA-256", user, "wrong", nil) },
		"-PLUS": func(user string) []string {
			v := p.visit()
			state := v.conn.ConnectionState()
			return v.scram("SCRAM-SHA-256-PLUS", user, "wrong", &state)
		},
	} {
		known := try("alice@demo.test")
		for _, user := range []string{"nobody@demo.test", "nobody@far.example", "nobody", "alice+x@demo.test", "postmaster@demo.test", "", "a\r\nb@demo.test"} {
			got := try(user)
			if !slices.Equal(got, known) {
				t.Errorf("%s: %q hears %q, a user %q", name, user, got, known)
			}
		}
	}
}

// ATTACKS D14: nor does the clock tell. Not parallel: it measures.
func TestWrongUserAndWrongPasswordTakeTheSameTime(t *testing.T) {
	p := build(t, nil)
	const atLeast, atMost = 15, 150
	took := map[string][]time.Duration{}
	// The quickest of each, for a busy machine only ever adds: while they are apart, more
	// tries may bring them together. Answers leave on ticks of 10 ms, so more than one apart
	// is a difference that can be seen.
	for round := 1; ; round++ {
		for _, user := range []string{"alice@demo.test", "nobody@demo.test"} {
			v := p.visit()
			start := time.Now()
			v.plain(user, "wrong wrong wrong")
			took[user] = append(took[user], time.Since(start))
			v.conn.Close()
		}
		known, unknown := slices.Min(took["alice@demo.test"]), slices.Min(took["nobody@demo.test"])
		switch apart := (known - unknown).Abs() > 12*time.Millisecond; {
		case round >= atLeast && !apart:
			return
		case round == atMost:
			t.Fatalf("a wrong password takes %v, a wrong user %v", known, unknown)
		}
	}
}

// ATTACKS D15: guesses from everywhere are slowed down, and neither end alice's
// session nor keep her from another where she is known. A million of them are in
// the account room, behind -long.
func TestGuessingDoesNotDisturb(t *testing.T) {
	t.Parallel()
	p := build(t, account.NewThrottle(account.DefaultPaces(), time.Now))
	home := p.visit()
	home.plain("alice@demo.test", p.word)
	door := submission.SignIn{Door: account.Door{Book: p.book, Throttle: p.throttle}}
	var slowed, looked int
	for i := range 60 {
		from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 4000))
		step, err := door.Begin(t.Context(), smtp.Peer{Addr: from, TLS: &tls.ConnectionState{}}, "PLAIN")
		p.must(err)
		_, _, err = step(t.Context(), fmt.Appendf(nil, "\x00alice@demo.test\x00guess %d", i))
		var r *smtp.Reply
		switch errors.As(err, &r); {
		case r != nil && r.Code == 454:
			slowed++
		case r != nil && r.Code == 535:
			looked++
		default:
			t.Fatal(err)
		}
	}
	if burst := account.DefaultPaces().Account.Burst; looked > burst+10 || slowed < 60-burst-10 {
		t.Errorf("%d guesses were looked at, %d put off", looked, slowed)
	}
	if got := home.say("MAIL FROM:<>"); !strings.HasPrefix(got, "550 5.0.0 from ") {
		t.Errorf("at home: %s", got)
	}
	if got := p.visit().plain("alice@demo.test", p.word); !strings.HasPrefix(got, "235") {
		t.Errorf("a second session at home: %s", got)
	}
}

// LOGIN is the last that is offered, and only where PLAIN is. What cannot be a name
// or a password is wrong, and a guess by it counts like any other.
func TestOldSignIn(t *testing.T) {
	t.Parallel()
	p := build(t, account.NewThrottle(account.DefaultPaces(), time.Now))
	s := submission.SignIn{Door: account.Door{Book: p.book, Throttle: p.throttle}}
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:4000"))
	if got := s.Mechanisms(smtp.Peer{Addr: from}); len(got) != 0 {
		t.Errorf("without TLS %q is offered", got)
	}
	if _, err := s.Begin(t.Context(), smtp.Peer{Addr: from}, "LOGIN"); err == nil {
		t.Error("LOGIN begins without TLS")
	}
	over := smtp.Peer{Addr: from, TLS: &tls.ConnectionState{}}
	if got := s.Mechanisms(over); last(got) != "LOGIN" || !slices.Contains(got, "PLAIN") {
		t.Errorf("over TLS %q is offered", got)
	}
	codes := map[int]int{}
	for i := range 60 {
		step, err := s.Begin(t.Context(), over, "LOGIN")
		p.must(err)
		step(t.Context(), []byte("alice@demo.test"))
		_, who, err := step(t.Context(), fmt.Appendf(nil, "guess %d", i))
		var r *smtp.Reply
		if !errors.As(err, &r) || who != nil {
			t.Fatal(who, err)
		}
		codes[r.Code]++
	}
	if burst := account.DefaultPaces().Account.Burst; codes[454] == 0 || codes[535] > burst+10 {
		t.Errorf("guesses by LOGIN heard %v", codes)
	}
	for _, try := range [][2]string{{"alice@demo.test\x00" + p.word, ""}, {"alice@demo.test", "\x00" + p.word}, {"", p.word}, {"\x00alice@demo.test", p.word}} {
		v := p.visit()
		if got := last(v.login(try[0], try[1], false)); !strings.HasPrefix(got, "535") && !strings.HasPrefix(got, "454") {
			t.Errorf("%q: %s", try, got)
		}
		if got := v.say("MAIL FROM:<alice@demo.test>"); !strings.HasPrefix(got, "530 5.7.0") {
			t.Errorf("%q: %s", try, got)
		}
	}
}

// ATTACKS D16: nobody sends without signing in, whatever they say they are.
func TestNoRelayWithoutSigningIn(t *testing.T) {
	t.Parallel()
	p := build(t, nil)
	for _, from := range []string{
		"<>", "<alice@demo.test>", "<alice%demo.test@far.example>", "<@demo.test:alice@far.example>",
		`<"alice@demo.test"@far.example>`, "<alice@demo.test> AUTH=alice@demo.test", "<alice@demo.test> AUTH=<>",
	} {
		v := p.visit()
		for _, trick := range []string{"", "XCLIENT LOGIN=alice@demo.test", "AUTH EXTERNAL =", "AUTH ANONYMOUS =", "AUTH PLAIN =", "AUTH PLAIN AAA="} {
			if trick != "" {
				v.say(trick)
			}
			if got := v.say("MAIL FROM:" + from); !strings.HasPrefix(got, "530 5.7.0") && !strings.HasPrefix(got, "421") && got != "EOF" {
				t.Errorf("%s after %q: %s", from, trick, got)
			}
		}
	}
}
