package outbound

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/route"
)

// internet is a Router to servers of this test. Domains without a server cannot
// be reached.
type internet struct {
	t       *testing.T
	mu      sync.Mutex
	servers map[string]*server
	opened  map[string]int // by domain
	wishes  []route.Wish
	errs    map[string]error
	panics  string // a domain
}

// server is one destination.
type server struct {
	name    string
	address string
	without []string // extensions it does not have
}

func (n *internet) Destination(_ context.Context, domain string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.servers[domain]; s != nil {
		return s.name, nil
	}
	return domain, nil
}

func (n *internet) Open(ctx context.Context, domain string, wish route.Wish, skip ...string) (*route.Session, error) {
	n.mu.Lock()
	s, err := n.servers[domain], n.errs[domain]
	if s != nil && slices.Contains(skip, s.name) {
		if s = n.servers["second."+domain]; s == nil || slices.Contains(skip, s.name) {
			n.mu.Unlock()
			return nil, errors.New("no other exchanger")
		}
	}
	if n.opened == nil {
		n.opened = map[string]int{}
	}
	n.opened[domain]++
	n.wishes = append(n.wishes, wish)
	n.mu.Unlock()
	switch {
	case n.panics == domain:
		panic("canary")
	case err != nil:
		return nil, err
	case s == nil:
		return nil, &route.Failure{Err: errors.New("connection refused")}
	}
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, &route.Failure{Host: s.name, Err: err}
	}
	c, err := smtp.Greet(ctx, conn, smtp.ClientOptions{Hostname: "mx.near.example", Greeting: 5 * time.Second, Command: 2 * time.Second, Data: 2 * time.Second, Final: 2 * time.Second})
	if err != nil {
		return nil, &route.Failure{Host: s.name, Err: err}
	}
	for _, e := range s.without {
		delete(c.Extensions, e)
	}
	return &route.Session{Client: c, Domain: domain, Host: s.name, RequireTLS: wish == route.Strict}, nil
}

func (n *internet) opens(domain string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opened[domain]
}

func (n *internet) breaks(domain string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.errs == nil {
		n.errs = map[string]error{}
	}
	n.errs[domain] = err
}

// far is a server with people, as its inbox says, for some domains.
func (n *internet) far(box *inbox, without []string, domains ...string) {
	l := n.listen(domains, without)
	s := &smtp.Server{Handler: box, Hostname: domains[0], DSN: true}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() { defer close(served); s.Serve(ctx, l) }()
	n.t.Cleanup(func() { cancel(); <-served })
}

func (n *internet) listen(domains, without []string) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range domains {
		n.servers[d] = &server{name: "mx." + domains[0], address: l.Addr().String(), without: without}
	}
	return l
}

// script is a server that plays a function with each connection.
func (n *internet) script(domain string, play func(number int, c *chat)) {
	l := n.listen([]string{domain}, nil)
	n.t.Cleanup(func() { l.Close() })
	go func() {
		for number := 0; ; number++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				play(number, &chat{conn, bufio.NewReader(conn)})
			}()
		}
	}()
}

type chat struct {
	net.Conn
	in *bufio.Reader
}

func (c *chat) say(lines ...string) {
	for _, l := range lines {
		io.WriteString(c, l+"\r\n")
	}
}

// hear reads up to a line that begins so; false: the client is gone.
func (c *chat) hear(begin string) bool {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
}

// greet is a session up to after EHLO.
func (c *chat) greet() bool {
	c.say("220 mx.far.example")
	ok := c.hear("EHLO")
	c.say("250 mx.far.example")
	return ok
}

// take takes one mail, up to the reply to its text.
func (c *chat) take() bool {
	if !c.hear("MAIL") {
		return false
	}
	c.say("250 ok")
	c.hear("RCPT")
	c.say("250 ok")
	c.hear("DATA")
	c.say("354 go")
	return c.hear(".")
}

// letter is a mail as somebody got it.
type letter struct {
	from *mail.Address
	to   []string
	text string
	peer smtp.Peer
	rcpt []smtp.RcptOptions
	opts smtp.MailOptions
}

// inbox is where mail arrives. Local parts steer it: unknown and later are
// refused, lost and full after the text.
type inbox struct {
	mu      sync.Mutex
	letters []letter
	refuse  error // all mail, after its text
	came    chan struct{}
	gate    chan struct{} // waited for before a mail is taken
	open    int
	most    int // mails at the same time
}

func (b *inbox) Begin(_ context.Context, p smtp.Peer, from *mail.Address, o smtp.MailOptions) (smtp.Transaction, error) {
	return &posting{box: b, l: letter{from: from, peer: p, opts: o}}, nil
}

func (b *inbox) got() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]letter(nil), b.letters...)
}

type posting struct {
	box *inbox
	l   letter
}

func (p *posting) Rcpt(_ context.Context, to mail.Address, o smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to.Local, "unknown"):
		return &smtp.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such mailbox here"}
	case strings.HasPrefix(to.Local, "later"):
		return &smtp.Reply{Code: 451, Enhanced: "4.2.1", Text: "come back"}
	}
	p.l.to = append(p.l.to, to.String())
	p.l.rcpt = append(p.l.rcpt, o)
	return nil
}

func (p *posting) Data(_ context.Context, r io.Reader) (*smtp.Reply, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	p.l.text = string(b)
	p.box.mu.Lock()
	p.box.open++
	p.box.most = max(p.box.most, p.box.open)
	came, gate := p.box.came, p.box.gate
	p.box.mu.Unlock()
	if came != nil {
		came <- struct{}{}
	}
	if gate != nil {
		<-gate
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	p.box.open--
	if p.box.refuse != nil {
		return nil, p.box.refuse
	}
	p.box.letters = append(p.box.letters, p.l)
	return &smtp.Reply{Code: 250, Enhanced: "2.0.0", Text: "stored"}, nil
}

func (p *posting) Close() {}
