package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Mail that leaves: submitted, queued, signed, and taken by servers elsewhere.

// writers is how many people send at the same time, at most.
const writers = 10

const (
	nameQueue  = "Postfix"
	nameSigned = "Postfix+opendkim"
)

// signatures is how many each server puts on a mail.
var signatures = map[string]int{nameSealpost: 2, nameSigned: 1}

func senders() []entrant {
	return []entrant{
		{name: nameSealpost, start: sendingSealpost},
		{name: nameQueue, peer: true, start: func(ctx context.Context, s *site, _ string) (*peer, error) {
			return sendingPostfix(ctx, s, "postfix-out", false)
		}},
		{name: nameSigned, peer: true, start: func(ctx context.Context, s *site, _ string) (*peer, error) {
			return sendingPostfix(ctx, s, "postfix-out-signed", true)
		}},
	}
}

func (r *record) measureSent(ctx context.Context, s *site, only string) (err error) {
	all := senders()
	if r.milter = milterReady(ctx); r.skipped == nil && r.milter != nil {
		r.say("no Postfix that signs: %v", r.milter)
		all = all[:2]
	}
	if text, err := output(ctx, "opendkim", "-V"); err == nil {
		text, _, _ = strings.Cut(text, "\n")
		r.signer = text[strings.LastIndexByte(text, ' ')+1:]
	}
	if err := s.makeSigningKeys(); err != nil {
		return fmt.Errorf("make signing keys: %w", err)
	}
	if s.noKeys = !answersNo(ctx); s.noKeys {
		r.say("the machine's resolver does not answer: nobody's keys are looked for")
	}
	r.sent = trial{title: "size, connections, way out", cells: r.plan.sent, row: sentRow, bag: freshBag, inspect: s.inspectSignatures}
	defer func() { err = errors.Join(err, r.sent.stop(ctx)) }()
	if err := r.sent.start(ctx, s, r, all, only); err != nil {
		return err
	}
	return r.sent.drive(ctx, s, r)
}

// answersNo says whether the machine's own resolver, which is asked for the servers
// of keys, says that there are none elsewhere. One that hangs would be measured.
func answersNo(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, "openpgpkey."+farDomain(0, false))
	var answer *net.DNSError
	return errors.As(err, &answer) && answer.IsNotFound
}

func sentRow(c cell) string {
	way := "plain"
	if c.private {
		way = "STARTTLS"
	}
	return fmt.Sprintf("%s, %d, %s", sizeName(c.size), c.conns, way)
}

// freshBag holds mails as programs submit them, to domains elsewhere in turn.
func freshBag(c cell, repeat int) *mailbag {
	w := seeded(c, repeat)
	return &mailbag{cell: c, write: func(i int) (delivery, error) {
		from := address(users()[i%min(writers, c.conns)])
		to := fmt.Sprintf("%s@%s", users()[i/c.boxes%2], farDomain((i+i/c.boxes)%c.boxes, c.private)) // everybody writes to everywhere
		return delivery{from: from, to: to, mail: w.fresh(c.size, from, to)}, nil
	}}
}

// leaving makes a peer one whose mail is awaited elsewhere.
func (p *peer) leaving(r *receiver) {
	p.arrived, p.tally, p.wipe, p.close, p.first = r.arrived, r.count, r.reset, r.close, r.firstMail
}

// sendingSealpost takes mail at its submission door from people who signed in,
// looks whether their recipients have keys, signs twice, and queues it sealed.
// The mail programs keep their own copies, as they do with Postfix.
func sendingSealpost(ctx context.Context, s *site, _ string) (*peer, error) {
	r, err := newReceiver(s.own)
	if err != nil {
		return nil, err
	}
	const name = "sealpost-out"
	folder, err := s.folder(name, "dkim", domain)
	if err != nil {
		return nil, err
	}
	for _, selector := range []string{selectorRSA, selectorEd} {
		if err := os.Symlink(s.signingKey(selector), filepath.Join(folder, selector+".pem")); err != nil {
			return nil, err
		}
	}
	p, err := startSealpost(ctx, s, name, settings{profile: "compat", port: r.port, people: users()[:writers]})
	if err != nil {
		return nil, err
	}
	passwords := map[string]string{}
	for _, user := range users()[:writers] {
		passwords[address(user)] = p.password(user)
		if s.noKeys {
			if err := command(ctx, s.sealpost, "account", "set", address(user), "--config", s.config(p), "--encrypt", "never"); err != nil {
				return nil, errors.Join(err, p.stop(ctx))
			}
		}
	}
	p.in = target{addr: p.submit, tls: s.trust, login: func(from string) string { return passwords[from] }}
	p.leaving(r)
	p.settle = p.quiet
	return p, nil
}

// Selectors of the domain's keys.
const (
	selectorRSA = "r1"
	selectorEd  = "e1"
)

func (s *site) signingKey(selector string) string {
	return filepath.Join(s.dir, "keys", selector+".pem")
}

// makeSigningKeys makes the keys of the domain that mail leaves from, which all
// its servers sign with, and publishes them.
func (s *site) makeSigningKeys() error {
	if _, err := s.folder("keys"); err != nil {
		return err
	}
	for _, selector := range []string{selectorRSA, selectorEd} {
		key, err := s.zone.publishKey(selector, domain)
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := os.WriteFile(s.signingKey(selector), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// publishKey makes a key and its record (RFC 6376, section 3.6.1, RFC 8463).
func (z *zone) publishKey(selector, domain string) (crypto.Signer, error) {
	name := selector + "._domainkey." + domain
	if selector == selectorEd {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err == nil {
			z.addText(name, "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(public))
		}
		return private, err
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err == nil {
		z.addText(name, "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(public))
	}
	return private, err
}

// inspectSignatures verifies one mail of a repetition: a server that signs is
// measured on signatures that are good.
func (s *site) inspectSignatures(res *result) error {
	if want := signatures[res.name]; !s.good(res.running.first(), want) {
		return fmt.Errorf("what arrived has not %d good signatures", want)
	}
	return nil
}

// sendingPostfix takes mail over TLS from whoever is on this machine, and relays it
// to servers elsewhere by a table; opendkim signs it if told to.
func sendingPostfix(ctx context.Context, s *site, name string, sign bool) (*peer, error) {
	r, err := newReceiver(s.own)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	listen := loopback(ports[0])
	home, err := s.configureRelay(name, listen, r.port, sign)
	if err != nil {
		return nil, fmt.Errorf("configure Postfix: %w", err)
	}
	p := &peer{name: name, group: newGroup(name), in: target{addr: listen, tls: s.trust}}
	p.leaving(r)
	queue := filepath.Join(home, "queue")
	p.settle = func(ctx context.Context) error { return errors.Join(awaitQueue(ctx, queue), p.quiet(ctx)) }
	if sign {
		err = p.launchIn(ctx, home, exec.Command("opendkim", "-f", "-x", filepath.Join(home, "opendkim.conf")), func() (bool, error) {
			_, err := os.Stat(filepath.Join(home, "signer"))
			return err == nil, nil
		})
	}
	if err == nil {
		err = p.launchIn(ctx, home, exec.Command("postfix", "-c", filepath.Join(home, "config"), "start-fg"), func() (bool, error) {
			return banner(listen, "") == nil, nil
		})
	}
	if err != nil {
		return nil, errors.Join(err, p.stop(ctx))
	}
	return p, nil
}

// launchIn starts a program in the peer's group and waits until it is up.
func (p *peer) launchIn(ctx context.Context, home string, cmd *exec.Cmd, up func() (bool, error)) error {
	log, err := os.OpenFile(filepath.Join(home, "start.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := p.group.start(cmd, log); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := await(ctx, 20*time.Millisecond, up); err != nil {
		return fmt.Errorf("wait for %s: %w", filepath.Base(cmd.Path), err)
	}
	return nil
}
