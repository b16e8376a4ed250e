package smtp

import (
	"strconv"
	"strings"
	"time"
)

// wishes are the MAIL parameters the guard reads itself and cuts out: go-smtp does
// not know them, or cannot see the TLS they depend on.
type wishes struct {
	requireTLS bool
	hold       time.Time
}

var (
	errNotOffered = &Reply{555, "5.5.4", "MAIL parameter not recognised"}
	errParam      = &Reply{501, "5.5.4", "malformed MAIL parameter"}
	errTwice      = &Reply{501, "5.5.4", "MAIL parameter given twice"}
	errHold       = &Reply{501, "5.5.4", "hold for as long as EHLO offers, by HOLDFOR or by HOLDUNTIL"}
)

var ownParams = map[string]func(g *guard, value string, valued bool) error{
	"AUTH":       (*guard).authParam,
	"REQUIRETLS": (*guard).requireTLS,
	"HOLDFOR":    (*guard).holdFor,
	"HOLDUNTIL":  (*guard).holdUntil,
}

// takeParams reads our own parameters of MAIL and returns the others.
func (g *guard) takeParams(params string) (others string, err error) {
	g.wishes = wishes{}
	var taken []string
	for _, p := range strings.Fields(params) {
		keyword, value, valued := strings.Cut(p, "=")
		keyword = strings.ToUpper(keyword)
		take, own := ownParams[keyword]
		if !own {
			others += " " + p
			continue
		}
		if !g.extended {
			return "", errNotOffered
		}
		for _, t := range taken {
			if t == keyword {
				return "", errTwice
			}
		}
		taken = append(taken, keyword)
		if err := take(g, value, valued); err != nil {
			return "", err
		}
	}
	return others, nil
}

// authParam is AUTH= (RFC 4954, section 5): read, so that it is well formed, and
// ignored, because nobody here speaks for anybody else.
func (g *guard) authParam(value string, _ bool) error {
	if g.server.SignIn == nil {
		return errNotOffered
	}
	text, ok := decodeXtext(value)
	if !ok || text == "" {
		return errParam
	}
	if text == "<>" {
		return nil
	}
	if _, err := parseMailbox(strings.TrimSuffix(strings.TrimPrefix(text, "<"), ">")); err != nil {
		return errParam
	}
	return nil
}

// decodeXtext decodes RFC 3461, section 4.
func decodeXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c < '!' || c > '~' || c == '=':
			return "", false
		case c == '+':
			if len(s) < i+3 || strings.ToUpper(s[i+1:i+3]) != s[i+1:i+3] {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c, i = byte(n), i+2
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// requireTLS is REQUIRETLS (RFC 8689, section 2), which is offered over TLS.
func (g *guard) requireTLS(_ string, valued bool) error {
	switch {
	case g.tlsState() == nil:
		return errNotOffered
	case valued:
		return errParam
	}
	g.wishes.requireTLS = true
	return nil
}

// mayHold says whether FUTURERELEASE (RFC 4865) is offered. It is before sign-in
// too: most clients do not say EHLO again after it.
func (g *guard) mayHold() bool { return g.server.Hold > 0 && g.server.SignIn != nil }

func (g *guard) holdFor(value string, _ bool) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return g.hold(time.Time{})
	}
	return g.hold(time.Now().Add(time.Duration(n) * time.Second))
}

func (g *guard) holdUntil(value string, _ bool) error {
	at, err := time.Parse(time.RFC3339, strings.ToUpper(value))
	if err != nil {
		at = time.Time{}
	}
	return g.hold(at)
}

// hold takes a moment that lies ahead and not too far, once.
func (g *guard) hold(at time.Time) error {
	now := time.Now()
	switch {
	case !g.mayHold():
		return errNotOffered
	case !g.wishes.hold.IsZero(), !at.After(now), at.After(now.Add(g.server.Hold)):
		return errHold
	}
	g.wishes.hold = at
	return nil
}
