package smtp

import (
	"fmt"
	"strings"
	"time"
)

// hello checks the name a client gives itself. go-smtp then resets the mail
// under way (RFC 5321, section 4.1.4) and its answer is replaced by greeting.
func (g *guard) hello(arg string) {
	if !plausible(arg) {
		g.put("501 5.5.4 expected the name of your host")
		return
	}
	g.helo, g.extended, g.greeted = arg, g.verb == "EHLO", true
	g.forward(g.verb + " " + arg)
}

// plausible accepts host names, address literals and whatever else has their
// letters; real clients call themselves many things.
func plausible(helo string) bool {
	if len(helo) == 0 || len(helo) > 255 {
		return false
	}
	for _, c := range helo {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '(' || c == ')' {
			return false
		}
	}
	return true
}

// greeting is the answer to EHLO: our name first (RFC 5321, section 4.1.1.1),
// then what is offered. go-smtp names the client and cannot see the TLS below us.
func (g *guard) greeting() []string {
	lines := []string{
		"PIPELINING",
		fmt.Sprintf("SIZE %d", g.server.limits.Message),
	}
	if g.server.TLS != nil && g.tlsState() == nil {
		lines = append(lines, "STARTTLS")
	}
	lines = append(lines, "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING")
	if g.server.offersDSN() { // notices of success would go to whomever a stranger names
		lines = append(lines, "DSN")
	}
	lines = append(lines, g.guarded()...)
	lines = append(lines, fmt.Sprintf("LIMITS RCPTMAX=%d", g.server.limits.Recipients))
	reply := []string{"250-" + g.server.Hostname}
	for i, l := range lines {
		mark := "250-"
		if i == len(lines)-1 {
			mark = "250 "
		}
		reply = append(reply, mark+l)
	}
	return reply
}

// guarded is what is offered over TLS only, and to whom.
func (g *guard) guarded() []string {
	if g.tlsState() == nil {
		return nil
	}
	lines := []string{"REQUIRETLS"}
	if g.server.SignIn != nil {
		lines = append(lines, "AUTH "+strings.Join(g.server.SignIn.Mechanisms(g.peer()), " "))
	}
	if g.mayHold() {
		seconds, latest := int64(g.server.Hold/time.Second), time.Now().Add(g.server.Hold)
		lines = append(lines, fmt.Sprintf("FUTURERELEASE %d %s", seconds, latest.UTC().Format(time.RFC3339)))
	}
	return lines
}
