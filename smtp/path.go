package smtp

import (
	"errors"
	"strings"

	"sealpost/mail"
)

var errPath = errors.New("no path")

// mailFrom reads the reverse-path of MAIL FROM (RFC 5321, section 4.1.1.2).
func (g *guard) mailFrom(arg string) {
	if g.server.SignIn != nil && g.user == nil {
		g.put(g.stranger())
		return
	}
	path, params, err := cutPath(arg, "FROM:")
	if err != nil {
		g.put("501 5.5.4 expected MAIL FROM:<address>")
		return
	}
	if params, err = g.takeParams(params); err != nil {
		g.refuse(err)
		return
	}
	g.path, g.plain = nil, ascii(path)
	if path != "" {
		a, err := parseMailbox(path)
		if err != nil {
			g.put("501 5.1.7 that is no sender address")
			return
		}
		g.path = &a
	}
	g.forward("MAIL FROM:" + g.placeholder() + params)
}

// rcptTo reads the forward-path of RCPT TO (RFC 5321, section 4.1.1.3). The
// bare <postmaster> is passed on without a domain.
func (g *guard) rcptTo(arg string) {
	path, params, err := cutPath(arg, "TO:")
	if err != nil || path == "" {
		g.put("501 5.5.4 expected RCPT TO:<address>")
		return
	}
	g.plain = ascii(path)
	if strings.EqualFold(path, "postmaster") {
		g.path = &mail.Address{Local: "postmaster"}
	} else {
		a, err := parseMailbox(path)
		if err != nil {
			g.put("501 5.1.3 that is no recipient address")
			return
		}
		g.path = &a
	}
	g.forward("RCPT TO:" + g.placeholder() + params)
}

// parseMailbox reads an addr-spec. Old providers gave out addresses such as
// a..b@ and ab.@, which must be quoted but are sent as they are.
func parseMailbox(path string) (mail.Address, error) {
	a, err := mail.ParseAddress(path)
	if err == nil {
		return a, nil
	}
	local, domain, found := strings.Cut(path, "@")
	if !found || !strings.Contains(local, ".") || strings.ContainsAny(local, "\"\\()<>[]:;, \t") {
		return mail.Address{}, err
	}
	return mail.ParseAddress(`"` + local + `"@` + domain)
}

// placeholder is the path go-smtp sees: it unquotes local parts beyond repair
// and refuses <postmaster>, so it gets one it cannot get wrong.
func (g *guard) placeholder() string {
	if g.path == nil {
		return "<>"
	}
	return "<x@x>"
}

// cutPath splits the argument of MAIL or RCPT into the mailbox of its path and
// the parameters, which keep their leading space. A source route is dropped
// (RFC 5321, appendix C). Quoted local parts may hold any bracket.
func cutPath(arg, keyword string) (path, params string, err error) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", "", errPath
	}
	arg = strings.TrimLeft(arg[len(keyword):], " ")
	end := pathEnd(arg)
	if end < 0 {
		return "", "", errPath
	}
	path, params = arg[1:end], arg[end+1:]
	if params != "" && params[0] != ' ' {
		return "", "", errPath
	}
	if strings.HasPrefix(path, "@") {
		route, rest, found := strings.Cut(path, ":")
		if !found || strings.ContainsAny(route, "\"\\ ") || rest == "" {
			return "", "", errPath
		}
		path = rest
	}
	return path, params, nil
}

// pathEnd is the index of the bracket that closes the one arg starts with.
func pathEnd(arg string) int {
	if !strings.HasPrefix(arg, "<") {
		return -1
	}
	quoted := false
	for i := 1; i < len(arg); i++ {
		switch c := arg[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

// ascii says whether a path needs no SMTPUTF8 (RFC 6531).
func ascii(path string) bool {
	for i := range len(path) {
		if path[i] > '~' {
			return false
		}
	}
	return true
}
