package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// A way is one way in. It returns how many mails were stored.
type way struct {
	name string
	take func(context.Context, *proof) (stored int, err error)
	none string // what it means that none was
}

const refusing = "nothing stored, as it should be"

// send goes every way in that exists.
func (p *proof) send(ctx context.Context) {
	fmt.Fprintln(p.out, "Sent:")
	for _, w := range p.ways() {
		p.status.say(w.name)
		n, err := w.take(ctx, p)
		p.status.clear()
		p.stored += n
		if err != nil {
			p.fault(fmt.Sprintf("%s: %v", w.name, err))
			continue
		}
		result := counting(int64(n), "mail") + " stored"
		if n == 0 {
			result = w.none
		}
		fmt.Fprintf(p.out, "  %s: %s\n", w.name, result)
	}
	fmt.Fprintln(p.out, "  Not tried: what clients seal before it leaves them, such as drafts, contacts and letters behind a password.")
}

func (p *proof) ways() (all []way) {
	for _, at := range p.settings.SMTP.Listen {
		all = append(all,
			way{"SMTP at " + at + ", DATA", func(ctx context.Context, p *proof) (int, error) { return p.bySMTP(ctx, at, false, (*talk).data) }, ""},
			way{"SMTP at " + at + ", DATA after STARTTLS", func(ctx context.Context, p *proof) (int, error) { return p.bySMTP(ctx, at, true, (*talk).data) }, ""},
			way{"SMTP at " + at + ", BDAT in chunks", func(ctx context.Context, p *proof) (int, error) { return p.bySMTP(ctx, at, false, (*talk).bdat) }, ""},
			way{"SMTP at " + at + ", refused", func(ctx context.Context, p *proof) (int, error) { return 0, p.refused(ctx, at) }, refusing},
			way{"SMTP at " + at + ", cut off in the middle", func(ctx context.Context, p *proof) (int, error) { return 0, p.cutOff(ctx, at) }, refusing})
	}
	for _, at := range p.settings.IMAP.ListenTLS {
		all = append(all, way{"IMAP at " + at + ", APPEND", func(ctx context.Context, p *proof) (int, error) { return p.byIMAP(ctx, at, true) }, ""})
	}
	for _, at := range p.settings.IMAP.Listen {
		all = append(all, way{"IMAP at " + at + ", APPEND after STARTTLS", func(ctx context.Context, p *proof) (int, error) { return p.byIMAP(ctx, at, false) }, ""})
	}
	for _, at := range p.settings.Submission.ListenTLS {
		all = append(all, way{"submission at " + at + ", DATA", func(ctx context.Context, p *proof) (int, error) { return p.bySubmission(ctx, at, true) }, ""})
	}
	for _, at := range p.settings.Submission.Listen {
		all = append(all,
			way{"submission at " + at + ", DATA after STARTTLS", func(ctx context.Context, p *proof) (int, error) { return p.bySubmission(ctx, at, false) }, ""},
			way{"submission at " + at + ", held in the queue", func(ctx context.Context, p *proof) (int, error) { return 0, p.held(ctx, at) }, "one mail waits to leave"})
	}
	for _, at := range p.settings.HTTP.ListenTLS {
		all = append(all,
			way{"API at " + at + ", append", func(ctx context.Context, p *proof) (int, error) { return p.byAPI(ctx, at) }, ""},
			way{"API at " + at + ", refused", func(ctx context.Context, p *proof) (int, error) { return 0, p.refusedAPI(ctx, at) }, refusing})
	}
	return all
}

// dial reaches a door from the machine it is on.
func (p *proof) dial(ctx context.Context, at string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(conn.SetDeadline(time.Now().Add(2*time.Minute)), balancers(p.settings).Greet(conn)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// trust accepts the certificate the configuration names, whoever signed it.
func (p *proof) trust() (*tls.Config, error) {
	text, err := os.ReadFile(p.settings.TLS.Certificate)
	if err != nil {
		return nil, fmt.Errorf("read the server's certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", p.settings.TLS.Certificate)
	}
	return &tls.Config{
		InsecureSkipVerify: true, // for this comparison, which is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, block.Bytes) {
				return errors.New("the server shows another certificate than the configuration names")
			}
			return nil
		},
	}, nil
}

// bySMTP sends every mail of the proof, with the word in the envelope too.
func (p *proof) bySMTP(ctx context.Context, at string, secure bool, send func(*talk, []byte) error) (n int, err error) {
	t, err := p.talk(ctx, at, secure)
	if err != nil {
		return 0, err
	}
	defer t.Close()
	for _, m := range proofMails(p.word, p.to.level, foreigner, p.to.address) {
		err := t.envelope(p.word+"@sender.example", p.to.address)
		if err == nil {
			err = send(t, m.raw)
		}
		if err != nil {
			return n, fmt.Errorf("%s: %w", m.name, err)
		}
		n++
	}
	return n, t.say(221, "QUIT")
}

// refused says the word where the server refuses it.
func (p *proof) refused(ctx context.Context, at string) error {
	t, err := p.talk(ctx, at, false)
	if err != nil {
		return err
	}
	defer t.Close()
	return errors.Join(
		t.say(500, p.word+" "+p.word),
		t.say(501, "MAIL FROM:<"+p.word),
		t.say(250, "MAIL FROM:<"+p.word+"@sender.example>"),
		t.say(0, "RCPT TO:<"+p.word+"@"+p.settings.Domains[0]+">"), // taken where there is a catch-all
		t.say(550, "RCPT TO:<"+p.word+"@elsewhere.example>"),
		t.say(250, "RCPT TO:<"+p.to.address+">"),
		t.say(354, "DATA"),
		t.say(554, "Subject: "+p.word+"\r\n\r\na bare\rreturn and "+p.word+"\r\n."),
		t.say(221, "QUIT"))
}

// cutOff sends half a mail, more than is kept in memory, and goes.
func (p *proof) cutOff(ctx context.Context, at string) error {
	t, err := p.talk(ctx, at, false)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.envelope(p.word+"@sender.example", p.to.address); err != nil {
		return err
	}
	if err := t.say(354, "DATA"); err != nil {
		return err
	}
	if err := t.PrintfLine("Subject: %s\r\n\r\n%s", p.word, strings.Repeat(p.word+"\r\n", 100_000)); err != nil {
		return err
	}
	return t.Close()
}

// byIMAP appends every mail of the proof and searches for the word.
func (p *proof) byIMAP(ctx context.Context, at string, secure bool) (n int, err error) {
	conn, err := p.dial(ctx, at)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	trust, err := p.trust()
	if err != nil {
		return 0, err
	}
	var c *imapclient.Client
	if secure {
		c = imapclient.New(tls.Client(conn, trust), nil)
	} else if c, err = imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: trust}); err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.Login(p.word+"@"+p.settings.Domains[0], p.word).Wait(); err == nil {
		return 0, errors.New("somebody who does not exist could sign in")
	}
	if err := c.Login(p.to.address, p.to.password).Wait(); err != nil {
		return 0, fmt.Errorf("sign in: %w", err)
	}
	for _, m := range proofMails(p.word, p.to.level, foreigner, p.to.address) {
		if err := appendMail(c, m.raw); err != nil {
			return n, fmt.Errorf("%s: %w", m.name, err)
		}
		n++
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		return n, fmt.Errorf("select: %w", err)
	}
	// What is not visible cannot be searched; the question must not be written down.
	if _, err := c.Search(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: p.word}}}, nil).Wait(); err != nil {
		return n, fmt.Errorf("search: %w", err)
	}
	return n, c.Logout().Wait()
}

func appendMail(c *imapclient.Client, raw []byte) error {
	a := c.Append("INBOX", int64(len(raw)), nil)
	_, werr := a.Write(raw)
	cerr := a.Close()
	_, err := a.Wait()
	return errors.Join(werr, cerr, err)
}
