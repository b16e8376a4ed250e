// Package arc reads, verifies and adds to Authenticated Received Chains (RFC 8617).
//
// It never knows whom to believe: a chain that holds says only that nobody
// altered what its sealers said.
//
// Invariants: those of package dkim, whose canonical forms and keys it uses; at
// most MaxSets sets; a chain with anything odd about it fails as a whole.
package arc

import (
	"regexp"
	"strconv"
	"strings"

	"sealpost/mail"
	"sealpost/smtp/mailauth/dkim"
)

// MaxSets is how many sets a chain may have (RFC 8617, section 4.2.1).
const MaxSets = 50

// Chain is the ARC sets of one mail. Result is none, pass, fail or temperror.
type Chain struct {
	Result  dkim.Result
	Reason  string // in words of ours
	Count   int    // the highest instance
	Sealer  string // d= of the last seal
	Results string // the first set's ARC-Authentication-Results, unfolded
	Closed  bool   // nobody may add to it (RFC 8617, section 5.1.2)

	sets []set
}

// set is one instance: who added what, over what, and what they had found out.
type set struct {
	results, message, seal mail.Field
	messageTags, sealTags  dkim.Tags
	signature              *dkim.Signature // of the last set only
}

// Read finds the chain of a header. What is malformed has failed already.
func Read(h mail.Header) *Chain {
	c := &Chain{}
	for _, f := range h.Fields {
		if kind, ok := kinds[strings.ToLower(f.Name)]; ok {
			if reason := c.add(f, kind); reason != "" {
				return c.fail(reason, true)
			}
		}
	}
	if c.Count == 0 {
		c.Result = dkim.None
		return c
	}
	return c.settle()
}

type kind int

const (
	aar kind = iota
	ams
	as
)

var kinds = map[string]kind{
	"arc-authentication-results": aar,
	"arc-message-signature":      ams,
	"arc-seal":                   as,
}

func (c *Chain) fail(reason string, closed bool) *Chain {
	c.Result, c.Reason, c.Closed = dkim.Fail, reason, c.Closed || closed
	return c
}

// add takes one field into its set, or says what is wrong with it.
func (c *Chain) add(f mail.Field, k kind) string {
	n, tags, ok := instance(f, k)
	if !ok {
		return "malformed field"
	}
	for len(c.sets) < n {
		c.sets = append(c.sets, set{})
	}
	c.Count = max(c.Count, n)
	s := &c.sets[n-1]
	place := [...]*mail.Field{&s.results, &s.message, &s.seal}[k]
	if place.Raw != nil {
		return "a field stands twice in a set"
	}
	*place = f
	switch k {
	case ams:
		s.messageTags = tags
	case as:
		s.sealTags = tags
	}
	return ""
}

var resultsInstance = regexp.MustCompile(`^i[ \t]*=[ \t]*([0-9]{1,2})[ \t]*;`)

// instance reads i=, which must come first in ARC-Authentication-Results.
func instance(f mail.Field, k kind) (n int, tags dkim.Tags, ok bool) {
	var text string
	if k == aar {
		m := resultsInstance.FindStringSubmatch(f.Value())
		if m == nil {
			return 0, nil, false
		}
		text = m[1]
	} else {
		t, err := dkim.ParseTags(f.Value())
		if err != nil {
			return 0, nil, false
		}
		text, tags = t["i"], t
	}
	n, err := strconv.Atoi(text)
	return n, tags, err == nil && len(text) <= 2 && text[0] != '+' && n >= 1 && n <= MaxSets
}

// settle checks the structure (RFC 8617, section 5.2, steps 2 and 3).
func (c *Chain) settle() *Chain {
	for _, s := range c.sets {
		if s.results.Raw == nil || s.message.Raw == nil || s.seal.Raw == nil {
			return c.fail("a set is not whole", true)
		}
	}
	last := &c.sets[c.Count-1]
	c.Sealer = strings.ToLower(last.sealTags["d"])
	_, c.Results, _ = strings.Cut(c.sets[0].results.Value(), ";")
	c.Results = strings.TrimLeft(c.Results, " \t")
	if last.sealTags["cv"] == "fail" {
		return c.fail("its last sealer found it broken", true)
	}
	for i, s := range c.sets {
		if reason := checkSeal(s.sealTags, i == 0); reason != "" {
			return c.fail(reason, false)
		}
	}
	last.signature = dkim.ReadARC(last.message, last.messageTags)
	if last.signature.Result != "" {
		return c.fail("message signature: "+last.signature.Reason, false)
	}
	return c
}

var digits = regexp.MustCompile(`^[0-9]{1,12}$`)

// checkSeal checks the tags of a seal (RFC 8617, section 4.1.3).
func checkSeal(t dkim.Tags, first bool) string {
	for _, name := range []string{"a", "b", "cv", "d", "s"} {
		if t[name] == "" {
			return "a required tag of a seal is missing"
		}
	}
	at, there := t["t"]
	_, signed := t["h"]
	switch {
	case signed:
		return "a seal has h="
	case there && !digits.MatchString(at):
		return "malformed time of a seal"
	case first && t["cv"] != "none", !first && t["cv"] != "pass":
		return "a seal contradicts its place in the chain"
	case dkim.KeyName(t["s"], t["d"]) == "":
		return "no such domain name"
	}
	return ""
}
