package main

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/emersion/go-msgauth/dkim"
)

// What it costs to judge a mail: mails of domains with SPF, DKIM and DMARC
// records, signed by two keys each, to a sealpost that judges and one that does
// not.

const nameJudging = "judging"

// origins is how many domains mail comes from.
const origins = 5

func origin(i int) string { return fmt.Sprintf("origin%d.test", i) }

// An author signs mails of one domain.
type author struct {
	domain string
	keys   map[string]crypto.Signer // by selector
}

// makeAuthors makes domains with all records a good sender has.
func (z *zone) makeAuthors() ([]author, error) {
	var all []author
	for i := range origins {
		a := author{domain: origin(i), keys: map[string]crypto.Signer{}}
		for _, selector := range []string{selectorRSA, selectorEd} {
			key, err := z.publishKey(selector, a.domain)
			if err != nil {
				return nil, err
			}
			a.keys[selector] = key
		}
		z.addText(a.domain, "v=spf1 ip4:127.0.0.1 -all")
		z.addText("_dmarc."+a.domain, "v=DMARC1; p=reject; rua=mailto:dmarc@"+a.domain)
		if err := z.add(a.domain + ". 3600 IN MX 10 client.bench.test."); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// signed puts a signature of each key in front of a mail.
func (a author) signed(mail []byte) ([]byte, error) {
	var out []byte
	for _, selector := range []string{selectorEd, selectorRSA} {
		s, err := dkim.NewSigner(&dkim.SignOptions{
			Domain: a.domain, Selector: selector, Signer: a.keys[selector],
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
			HeaderKeys: []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"},
		})
		if err != nil {
			return nil, err
		}
		_, err = s.Write(mail)
		if err := errors.Join(err, s.Close()); err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		out = append(out, s.Signature()...)
	}
	return append(out, mail...), nil
}

// signedBag holds mails of the authors to the mailboxes in turn.
func signedBag(authors []author) func(c cell, repeat int) *mailbag {
	return func(c cell, repeat int) *mailbag {
		w := seeded(c, repeat)
		return &mailbag{cell: c, write: func(i int) (delivery, error) {
			a := authors[i%len(authors)]
			from, to := fmt.Sprintf("someone@%s", a.domain), address(users()[i%c.boxes])
			text, err := a.signed(w.fresh(c.size, from, to))
			return delivery{from: from, to: to, mail: text}, err
		}}
	}
}

// measureJudged drives the sealpost that does not judge, one that does, and
// Postfix, which does not.
func (r *record) measureJudged(ctx context.Context, s *site) (err error) {
	authors, err := s.zone.makeAuthors()
	if err != nil {
		return fmt.Errorf("make authors: %w", err)
	}
	if sample, err := authors[0].signed(newWriter(1).fresh(4<<10, "someone@"+origin(0), address("u00"))); err != nil || !s.good(sample, 2) {
		return fmt.Errorf("the signatures of the load are no good: %w", err)
	}
	r.judged = trial{title: rowTitle, cells: r.plan.judged, row: rowOf, bag: signedBag(authors)}
	for _, res := range r.stored.results {
		if res.name == nameSealpost || res.name == namePostfix {
			r.judged.results = append(r.judged.results, &result{entrant: res.entrant, running: res.running, yields: map[cell][]yield{}})
		}
	}
	p, err := startSealpost(ctx, s, nameJudging, settings{profile: "compat", judge: true})
	if err != nil {
		return fmt.Errorf("start the one that judges: %w", err)
	}
	defer func() { err = errors.Join(err, p.stop(ctx)) }()
	r.judged.results = append(r.judged.results, &result{entrant: entrant{name: nameJudging}, running: p, yields: map[cell][]yield{}})
	asked := s.zone.keys.Load()
	if err := r.judged.drive(ctx, s, r); err != nil {
		return err
	}
	if s.zone.keys.Load() == asked {
		return errors.New("nobody asked for a DKIM key: nothing was judged")
	}
	return nil
}

// good says whether a mail has that many signatures, all good.
func (s *site) good(mail []byte, want int) bool {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(mail), &dkim.VerifyOptions{LookupTXT: s.zone.text, MaxVerifications: 5})
	n := 0
	for _, v := range found {
		if v.Err == nil {
			n++
		}
	}
	return err == nil && n == want
}
