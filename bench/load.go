package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A target is where mail goes in: SMTP or LMTP on loopback.
type target struct {
	addr string
	more []string // and other addresses, dealt to the connections in turn
	lmtp bool
	tls  *tls.Config // from the first byte; nil: none
	// login is the password of who sends, where people sign in: then each
	// connection carries mails of one of them.
	login func(from string) string
	// every is the time from one mail to the next; 0: as soon as there is a connection. Then how
	// long a mail took counts from when its turn came.
	every time.Duration
}

// A delivery is a mail, who it is from and who it is for.
type delivery struct {
	from string // empty: a stranger
	to   string
	mail []byte // CRLF lines, none starting with a dot
}

// A lane is mails that some connections share, each taking the next.
type lane struct {
	from  string
	mails []delivery
	next  atomic.Int64
	every time.Duration
	began time.Time
}

// take is the next mail, when its turn has come, and since when it has.
func (l *lane) take() (m delivery, turn time.Time, ok bool) {
	i := l.next.Add(1) - 1
	if i >= int64(len(l.mails)) {
		return delivery{}, turn, false
	}
	if l.every == 0 {
		return l.mails[i], time.Now(), true
	}
	turn = l.began.Add(time.Duration(i) * l.every)
	time.Sleep(time.Until(turn))
	return l.mails[i], turn, true
}

// lanes is one for all mails, or one for each sender where they sign in.
func (t target) lanes(mails []delivery) []*lane {
	if t.login == nil {
		return []*lane{{mails: mails, every: t.every}}
	}
	var all []*lane
	byName := map[string]*lane{}
	for _, m := range mails {
		l := byName[m.from]
		if l == nil {
			l = &lane{from: m.from}
			byName[m.from] = l
			all = append(all, l)
		}
		l.mails = append(l.mails, m)
	}
	return all
}

// A sending is what the client saw: when it began, when the last 250 came, and
// how long each mail took from MAIL to its 250.
type sending struct {
	began, ended time.Time
	latencies    []time.Duration
}

// send delivers all mails over conns persistent connections, which are open and
// greeted before the clock starts. Any reply but the expected one ends it.
func (t target) send(ctx context.Context, conns int, mails []delivery) (sending, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lanes := t.lanes(mails)
	if len(lanes) > conns {
		return sending{}, fmt.Errorf("%d people cannot send over %d connections", len(lanes), conns)
	}
	dialogues, err := t.dialAll(ctx, conns, lanes)
	if err != nil {
		return sending{}, err
	}
	var wait sync.WaitGroup
	taken := make([][]time.Duration, conns)
	errs := make([]error, conns)
	s := sending{began: time.Now()}
	for _, l := range lanes {
		l.began = s.began
	}
	for i, d := range dialogues {
		wait.Go(func() {
			defer d.conn.Close()
			taken[i], errs[i] = d.work(lanes[i%len(lanes)])
			if errs[i] != nil {
				cancel()
			}
		})
	}
	wait.Wait()
	s.ended = time.Now()
	for _, latencies := range taken {
		s.latencies = append(s.latencies, latencies...)
	}
	return s, errors.Join(errs...)
}

func (t target) dialAll(ctx context.Context, conns int, lanes []*lane) ([]*dialogue, error) {
	dialogues := make([]*dialogue, 0, conns)
	addrs := append([]string{t.addr}, t.more...)
	for i := range conns {
		t.addr = addrs[i%len(addrs)]
		d, err := t.dial(ctx, lanes[i%len(lanes)].from)
		if err != nil {
			for _, open := range dialogues {
				open.conn.Close()
			}
			return nil, err
		}
		dialogues = append(dialogues, d)
	}
	return dialogues, nil
}

// stranger sends what is from nobody in particular.
const stranger = "sender@client.bench.test"

// A dialogue is one connection to a target. It pipelines MAIL, RCPT and DATA
// (RFC 2920), with every server alike.
type dialogue struct {
	conn net.Conn
	in   *bufio.Reader
}

func (t target) dial(ctx context.Context, from string) (*dialogue, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if t.tls != nil {
		conn = tls.Client(conn, t.tls)
	}
	d := &dialogue{conn: conn, in: bufio.NewReader(conn)}
	err = d.greet(t.lmtp)
	if err == nil && t.login != nil {
		err = d.signIn(from, t.login(from))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return d, nil
}

// signIn speaks AUTH PLAIN (RFC 4954, RFC 4616).
func (d *dialogue) signIn(user, password string) error {
	word := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	if _, err := d.conn.Write([]byte("AUTH PLAIN " + word + "\r\n")); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if _, err := d.expect("235"); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return nil
}

func (d *dialogue) greet(lmtp bool) error {
	if _, err := d.expect("220"); err != nil {
		return fmt.Errorf("banner: %w", err)
	}
	hello := "EHLO client.bench.test\r\n"
	if lmtp {
		hello = "LHLO client.bench.test\r\n"
	}
	if _, err := d.conn.Write([]byte(hello)); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	words, err := d.expect("250")
	if err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	if !strings.Contains(words, "PIPELINING") {
		return errors.New("greet: the server offers no PIPELINING")
	}
	return nil
}

// work sends mails until none is left, then says QUIT.
func (d *dialogue) work(l *lane) ([]time.Duration, error) {
	var taken []time.Duration
	for m, start, ok := l.take(); ok; m, start, ok = l.take() {
		if err := d.deliver(m); err != nil {
			return taken, fmt.Errorf("mail %d of a connection: %w", len(taken), err)
		}
		taken = append(taken, time.Since(start))
	}
	_, _ = d.conn.Write([]byte("QUIT\r\n"))
	_, _ = d.expect("221")
	return taken, nil
}

func (d *dialogue) deliver(m delivery) error {
	envelope := "MAIL FROM:<" + cmp.Or(m.from, stranger) + ">\r\nRCPT TO:<" + m.to + ">\r\nDATA\r\n"
	if _, err := d.conn.Write([]byte(envelope)); err != nil {
		return err
	}
	for _, code := range [...]string{"250", "250", "354"} {
		if _, err := d.expect(code); err != nil {
			return err
		}
	}
	content := net.Buffers{m.mail, []byte(".\r\n")}
	if _, err := content.WriteTo(d.conn); err != nil {
		return err
	}
	_, err := d.expect("250")
	return err
}

// expect reads one reply, of any number of lines, and returns its lines.
func (d *dialogue) expect(code string) (string, error) {
	var words strings.Builder
	for {
		line, err := d.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if !strings.HasPrefix(line, code) {
			return "", fmt.Errorf("expected %s, got %q", code, strings.TrimSpace(line))
		}
		words.WriteString(line)
		if len(line) < 4 || line[3] != '-' {
			return words.String(), nil
		}
	}
}
