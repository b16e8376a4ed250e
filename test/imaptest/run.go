// Package imaptest holds a runner of imaptest's scripted tests: conversations
// that say what a client sends and what the server may answer.
//
// It never knows the server under test but by its port: any will do.
//
// Invariants: a script passes only if every response it names came and none it
// bans; as imaptest itself does, it reads a connection only while its own
// commands run.
package imaptest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Runner runs scripts against one server. All that is in its test mailbox, and
// in those whose names begin like it, is deleted.
type Runner struct {
	Dial           func(context.Context) (net.Conn, error)
	User, Password string
	Mailbox        string // as imaptest's own: "imaptest"
}

// Skipped says that a server lacks what a script needs.
type Skipped struct{ Lacks []string }

func (s Skipped) Error() string { return "skipped: lacks " + strings.Join(s.Lacks, ", ") }

// Run plays a script whose mails are those of a mailbox file. It returns Skipped
// when the server does not offer what the script is about.
func (r *Runner) Run(ctx context.Context, s *Script, mails []Mail) error {
	p := &play{runner: r, script: s, mails: mails}
	p.vars = map[string]string{
		"user": r.User, "username": before(r.User, "@"), "domain": after(r.User, "@"), "password": r.Password,
		"mailbox": r.Mailbox, "mailbox_url": r.Mailbox,
	}
	for n := range s.connections {
		c, err := r.dial(ctx, n+1)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { c.conn.Close() })
		defer stop()
		defer c.conn.Close()
		p.clients = append(p.clients, c)
	}
	if err := p.prepare(); err != nil {
		return err
	}
	for _, g := range s.groups {
		if err := p.run(g); err != nil {
			return fmt.Errorf("%s, line %d, %.300s: %w", s.Name, g.steps[0].line, show(words(g.steps[0].command)), err)
		}
	}
	return nil
}

func before(s, sep string) string { b, _, _ := strings.Cut(s, sep); return b }
func after(s, sep string) string  { _, a, _ := strings.Cut(s, sep); return a }

// play is one script under way.
type play struct {
	matcher
	runner  *Runner
	script  *Script
	mails   []Mail
	next    int // of mails
	clients []*client
}

// mail is the next of the mailbox file, which begins again at its end.
func (p *play) mail() Mail {
	m := p.mails[p.next%len(p.mails)]
	p.next++
	return m
}

// prepare brings all connections to the state that the script begins in.
func (p *play) prepare() error {
	first := p.clients[0]
	if p.script.state == nonauth {
		if _, err := first.must("CAPABILITY"); err != nil {
			return err
		}
		return p.offered(first)
	}
	for _, c := range p.clients {
		if _, err := c.must("LOGIN %s %s", quote(p.runner.User), quote(p.runner.Password)); err != nil {
			return err
		}
	}
	if _, err := first.must("CAPABILITY"); err != nil {
		return err
	}
	if err := p.offered(first); err != nil {
		return err
	}
	if err := p.clean(first); err != nil {
		return err
	}
	if p.script.state >= created {
		if _, err := first.must("CREATE %s", quote(p.runner.Mailbox)); err != nil {
			return err
		}
	}
	return p.fillMailbox(first)
}

// fillMailbox appends the script's mails and selects the mailbox.
func (p *play) fillMailbox(first *client) error {
	n := p.script.messages
	if n < 0 {
		n = len(p.mails)
	}
	for range n * b2i(p.script.state >= appended) {
		if _, err := first.must("%s", p.appendCommand(quote(p.runner.Mailbox)+" ", true)); err != nil {
			return err
		}
	}
	if p.script.state < selected {
		return nil
	}
	for _, c := range p.clients {
		if _, err := c.must("SELECT %s", quote(p.runner.Mailbox)); err != nil {
			return err
		}
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// offered is nil when the server has what the script needs.
func (p *play) offered(c *client) error {
	var lacks []string
	for _, name := range p.script.Capabilities {
		if !c.caps[strings.ToUpper(name)] {
			lacks = append(lacks, strings.ToUpper(name))
		}
	}
	if p.script.secondUser {
		lacks = append(lacks, "a second user")
	}
	if lacks != nil {
		return Skipped{lacks}
	}
	return nil
}

// clean deletes what an earlier script left.
func (p *play) clean(c *client) error {
	for _, way := range [][2]string{{"LIST", "DELETE"}, {"LSUB", "UNSUBSCRIBE"}} {
		got, err := c.must(`%s "" %s`, way[0], quote(p.runner.Mailbox+"*"))
		if err != nil {
			return err
		}
		var names []string
		for _, r := range got {
			if r.tag == "*" && len(r.args) > 3 && strings.EqualFold(r.args[0].text, way[0]) {
				names = append(names, r.args[3].text)
			}
		}
		slices.Sort(names)
		slices.Reverse(names) // what is below goes first
		for _, name := range names {
			if _, _, err := c.do(way[1] + " " + quote(name)); err != nil { // it may be a mere level
				return err
			}
		}
	}
	return nil
}

// appendCommand is an APPEND of the next mail; date: with that of its From line.
func (p *play) appendCommand(args string, date bool) string {
	m := p.mail()
	if date {
		args += m.date + " "
	}
	return fmt.Sprintf("APPEND %s{%d}\r\n%s", args, len(m.text), m.text)
}

// run plays one group.
func (p *play) run(g *group) error {
	c := p.clients[g.connection]
	p.seqs = nil
	for n := range c.exists {
		p.seqs = append(p.seqs, n+1)
	}
	t := turn{play: p, group: g, client: c, found: make([]bool, len(g.untagged))}
	for _, s := range g.steps {
		if err := t.send(s); err != nil {
			return err
		}
	}
	for t.waiting() {
		r, err := c.read()
		if err != nil {
			if g.bye && c.closed {
				break
			}
			return fmt.Errorf("%w%s", err, t.missing())
		}
		if err := t.take(r); err != nil {
			return err
		}
	}
	if missing := t.missing(); missing != "" {
		return fmt.Errorf("responses are missing%s", missing)
	}
	if t.extra != "" && p.script.strict {
		return fmt.Errorf("did not expect %.300q", t.extra)
	}
	time.Sleep(g.sleep)
	return nil
}

// turn is one group at work.
type turn struct {
	*play
	group  *group
	client *client
	found  []bool // which of the expected came
	extra  string // the first response that nothing expected
	others []string
}

func (t *turn) waiting() bool {
	return slices.ContainsFunc(t.group.steps, func(s *step) bool { return s.sent != "" })
}

func (t *turn) send(s *step) error {
	text, missing := t.fill(s.command)
	if missing != "" {
		return fmt.Errorf("$%s is not known", missing)
	}
	name, args, _ := strings.Cut(text, " ")
	if strings.EqualFold(name, "append") {
		switch {
		case args == "":
			text = t.appendCommand(quote(t.runner.Mailbox)+" ", true)
		case !bringsMail(args):
			text = t.appendCommand(args+" ", false)
		}
	}
	var err error
	s.sent = fmt.Sprintf("%d.%d", t.client.number, t.client.tags+1)
	_, err = t.client.send(text, t.take)
	return err
}

// bringsMail says whether the arguments of an APPEND hold its mail.
func bringsMail(text string) bool {
	args, err := parseArgs(text)
	return err == nil && slices.ContainsFunc(args[1:], func(a arg) bool {
		return a.kind == literal || strings.EqualFold(a.text, "catenate")
	})
}

// take compares one response with what is expected.
func (t *turn) take(r response) error {
	if r.tag != "*" {
		return t.tagged(r)
	}
	if err := t.untagged(r); err != nil {
		return err
	}
	if len(r.args) > 1 && strings.EqualFold(r.args[1].text, "EXPUNGE") {
		n := 0
		fmt.Sscan(r.args[0].text, &n)
		t.expunged(n)
	}
	return nil
}

func (t *turn) tagged(r response) error {
	for _, s := range t.group.steps {
		if s.sent != r.tag || r.tag == "" {
			continue
		}
		t.vars["tag"] = r.tag
		ok := t.matches(s.reply, r.args, true)
		delete(t.vars, "tag")
		s.sent = ""
		if !ok {
			return fmt.Errorf("expected %q, not %.300q", show(s.reply), r.raw)
		}
		return nil
	}
	return fmt.Errorf("a response to no command: %.300q", r.raw)
}

// untagged lets a response be every one it fits that is still expected.
func (t *turn) untagged(r response) error {
	some := false
	t.vars["tag"] = t.group.steps[0].sent
	defer delete(t.vars, "tag")
	for i, u := range t.group.untagged {
		if t.found[i] {
			continue
		}
		fits := t.matches(u.args, r.args, isStatus(r.args[0].text))
		switch {
		case fits && u.existence == mustNot:
			return fmt.Errorf("must not say %.300q", r.raw)
		case fits:
			t.found[i], some = true, true
		}
		if t.group.ordered && (fits || u.existence == must) {
			break
		}
	}
	if !some {
		t.others = append(t.others, r.raw)
		if t.extra == "" {
			t.extra = r.raw
		}
	}
	return nil
}

// missing tells what was expected and did not come, beside what did.
func (t *turn) missing() string {
	var b strings.Builder
	for i, u := range t.group.untagged {
		if u.existence == must && !t.found[i] {
			text, _ := t.fill(show(u.args))
			fmt.Fprintf(&b, "\n  expected %.600s", text)
		}
	}
	if b.Len() > 0 {
		for _, o := range t.others {
			fmt.Fprintf(&b, "\n  got      %.600s", o)
		}
	}
	return b.String()
}
