package arc

import (
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth/dkim"
)

// ErrClosed says that a chain may not be added to: it ended in a failure, is full
// or could not be judged.
var ErrClosed = errors.New("the chain is closed")

// Sealer adds sets for one domain with one key.
type Sealer struct {
	Domain, Selector string
	Private          crypto.Signer
	Now              time.Time
}

// Seal returns the three fields of one more set, the seal first, each with CRLF.
// c is the verified chain of the same header, body its relaxed hash, results what
// follows "i=N;" in ARC-Authentication-Results, signed the names for h=.
func (s Sealer) Seal(c *Chain, fields []mail.Field, body *dkim.Body, results string, signed []string) ([]byte, error) {
	if c.Closed || c.Count >= MaxSets || c.Result == dkim.TempError || c.Result == "" {
		return nil, fmt.Errorf("seal: %w", ErrClosed)
	}
	algorithm, err := dkim.Algorithm(s.Private)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	n := strconv.Itoa(c.Count + 1)
	w := writing{s, algorithm, n, strconv.FormatInt(s.Now.Unix(), 10)}
	own := set{results: mail.Field{Raw: []byte("ARC-Authentication-Results: i=" + n + ";" + results)}}
	if own.message.Raw, err = w.message(fields, body, signed); err != nil {
		return nil, err
	}
	if own.seal.Raw, err = w.seal(c, own); err != nil {
		return nil, err
	}
	return append(append(own.seal.Raw, own.message.Raw...), own.results.Raw...), nil
}

// writing is one set in the making.
type writing struct {
	Sealer
	algorithm, n, now string
}

func (w writing) message(fields []mail.Field, body *dkim.Body, signed []string) ([]byte, error) {
	hash, _, ok := body.Of(dkim.Relaxed)
	if !ok {
		return nil, errors.New("seal: the body was not hashed")
	}
	tags := []dkim.Tag{
		{Name: "a", Value: w.algorithm}, {Name: "b"},
		{Name: "bh", Value: base64.StdEncoding.EncodeToString(hash)}, {Name: "c", Value: "relaxed/relaxed"},
		{Name: "d", Value: w.Domain}, {Name: "h", Value: dkim.JoinNames(signed)},
		{Name: "i", Value: w.n}, {Name: "s", Value: w.Selector}, {Name: "t", Value: w.now},
	}
	return dkim.SignFields(w.Private, "ARC-Message-Signature", tags, fields, signed)
}

// seal signs the whole chain, or after a failure only what is new (RFC 8617,
// section 5.1.2).
func (w writing) seal(c *Chain, own set) ([]byte, error) {
	cv, before := string(c.Result), c.sets
	if c.Result == dkim.Fail {
		before = nil
	}
	tags := []dkim.Tag{
		{Name: "a", Value: w.algorithm}, {Name: "b"}, {Name: "cv", Value: cv}, {Name: "d", Value: w.Domain},
		{Name: "i", Value: w.n}, {Name: "s", Value: w.Selector}, {Name: "t", Value: w.now},
	}
	text := dkim.Relaxed.Covered(covered(before, own), dkim.Format("ARC-Seal", tags))
	return dkim.SignTags(w.Private, "ARC-Seal", tags, text)
}
