package imaptest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// state is how far a test is prepared before its first command.
type state uint8

const (
	nonauth state = iota
	auth
	created
	appended
	selected
)

var states = map[string]state{"nonauth": nonauth, "auth": auth, "created": created, "appended": appended, "selected": selected}

// A Script is one of imaptest's test files.
type Script struct {
	Name         string
	Capabilities []string // without one of these it is skipped
	connections  int
	messages     int // to append; -1: each of the mailbox file once
	state        state
	strict       bool // what was not expected is a failure
	secondUser   bool
	groups       []*group
}

// existence says what is expected of an untagged response.
type existence uint8

const (
	must existence = iota
	mustNot
	may
)

// An untagged response that a group of commands expects.
type untagged struct {
	existence existence
	args      []arg
}

// A step is one command of a group, and the beginning of its tagged response.
type step struct {
	line    int
	command string
	tag     int // as the script numbers them; 0: it has but one
	reply   []arg
	sent    string // the tag it was sent with, while it is not answered
}

// A group is what is sent at once, on one connection.
type group struct {
	connection int
	steps      []*step
	untagged   []untagged
	ordered    bool
	bye        bool // the server says BYE to it
	sleep      time.Duration
}

const maxConnections = 100

// scriptParser reads a test file: the header, an empty line, and commands.
type scriptParser struct {
	script  *Script
	group   *group
	pending int // steps of group whose reply is still to come
	line    int
}

// Parse reads a test file.
func Parse(name, text string) (*Script, error) {
	p := scriptParser{script: &Script{Name: name, connections: 1, messages: -1, state: selected}}
	lines, err := logicalLines(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, l := range lines {
		p.line = l.number
		if l.header {
			err = p.header(l.text)
		} else {
			err = p.command(l.text)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, l.number, err)
		}
	}
	if p.group == nil || p.pending > 0 {
		return nil, fmt.Errorf("%s: a command has no reply", name)
	}
	if !slices.ContainsFunc(p.script.groups, (*group).logsOut) {
		p.script.groups = append(p.script.groups, &group{steps: []*step{{command: "logout", reply: []arg{{text: "ok"}}}}})
	}
	return p.script, nil
}

func (g *group) logsOut() bool {
	return g.bye || slices.ContainsFunc(g.steps, func(s *step) bool { return strings.EqualFold(s.command, "logout") })
}

// logical is a line with the literals that it goes on with.
type logical struct {
	number int
	header bool
	text   string
}

// logicalLines puts "{{{" and what follows up to "}}}" into literals.
func logicalLines(text string) (lines []logical, err error) {
	rows := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	header := true
	for i := 0; i < len(rows); i++ {
		row := rows[i]
		if row == "" {
			header = false
			continue
		}
		if row[0] == '#' {
			continue
		}
		l := logical{number: i + 1, header: header}
		for {
			before, opens := strings.CutSuffix(row, "{{{")
			if !opens {
				break
			}
			end := slices.IndexFunc(rows[i+1:], func(s string) bool { return strings.HasPrefix(s, "}}}") })
			if end < 0 {
				return nil, fmt.Errorf("line %d: a literal has no end", l.number)
			}
			l.text += literalText(before, rows[i+1:i+1+end])
			i += 1 + end
			row = rows[i][3:]
		}
		l.text += row
		lines = append(lines, l)
	}
	return lines, nil
}

// literalText is a literal of these rows, without the end of the last one. In a
// binary one they end as in the file, elsewhere in CRLF.
func literalText(before string, rows []string) string {
	before, binary := strings.CutSuffix(before, "~")
	var b strings.Builder
	for i, r := range rows {
		if i > 0 && binary {
			b.WriteString("\n")
		} else if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(r)
	}
	mark := ""
	if binary {
		mark = "~"
	}
	return fmt.Sprintf("%s%s{%d}\r\n%s", before, mark, b.Len(), b.String())
}

func (p *scriptParser) header(line string) (err error) {
	key, value, ok := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	s := p.script
	switch key = strings.ToLower(strings.TrimSpace(key)); {
	case !ok:
		return fmt.Errorf("expected key: value, not %q", line)
	case key == "capabilities":
		s.Capabilities = strings.Fields(value)
	case key == "connections":
		if s.connections, err = strconv.Atoi(value); err == nil && (s.connections < 1 || s.connections > maxConnections) {
			err = fmt.Errorf("expected 1 to %d connections", maxConnections)
		}
	case key == "messages" && value == "all":
		s.messages = -1
	case key == "messages":
		s.messages, err = strconv.Atoi(value)
	case key == "ignore_extra_untagged":
		s.strict = !strings.HasPrefix(value, "y")
	case key == "state":
		if s.state, ok = states[strings.ToLower(value)]; !ok {
			err = fmt.Errorf("no such state: %s", value)
		}
	case strings.HasPrefix(key, "user "):
		s.secondUser = true
	default:
		err = fmt.Errorf("no such setting: %s", key)
	}
	return err
}

func (p *scriptParser) command(line string) error {
	if p.group != nil {
		if done, err := p.within(line); done || err != nil {
			return err
		}
	}
	if p.pending == 0 {
		p.group = &group{}
		p.script.groups = append(p.script.groups, p.group)
	}
	if p.script.connections > 1 {
		var n int
		var err error
		if n, line, err = p.connection(line); err != nil {
			return err
		}
		if len(p.group.steps) > 0 && n != p.group.connection {
			return fmt.Errorf("commands sent at once go over one connection")
		}
		p.group.connection = n
	}
	s := &step{line: p.line}
	s.tag, s.reply, s.command = replyOf(line)
	if s.tag == 0 && p.pending > 0 {
		return fmt.Errorf("the command before has no reply")
	}
	if len(p.group.steps) == 0 && isUntagged(s.command) {
		return fmt.Errorf("the check of a greeting is not supported")
	}
	if s.reply == nil {
		p.pending++
	}
	p.group.steps = append(p.group.steps, s)
	return nil
}

// within reads what belongs to the group that has begun: what it expects, and
// the replies of commands that stand before theirs.
func (p *scriptParser) within(line string) (done bool, err error) {
	switch {
	case strings.HasPrefix(line, "!sleep "):
		p.group.sleep, err = time.ParseDuration(strings.TrimSpace(line[7:]))
		return true, err
	case line == "!ordered":
		p.group.ordered = true
		return true, nil
	case isUntagged(line):
		return true, p.expect(line)
	case p.pending == 0:
		return false, nil
	}
	if _, _, err := p.connection(line); p.script.connections > 1 && err == nil {
		_, line, _ = p.connection(line)
	}
	tag, reply, rest := replyOf(line)
	if reply == nil {
		return false, nil
	}
	for _, s := range p.group.steps {
		if s.tag == tag && s.reply == nil {
			more, err := parseArgs(rest)
			s.reply = append(reply, more...)
			p.pending--
			return true, err
		}
	}
	return false, fmt.Errorf("a reply to no command")
}

func isUntagged(line string) bool {
	return strings.HasPrefix(line, "* ") || strings.HasPrefix(line, "! ") || strings.HasPrefix(line, "? ")
}

func (p *scriptParser) expect(line string) error {
	args, err := parseArgs(line[2:])
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return fmt.Errorf("expected a response")
	}
	u := untagged{existence: map[byte]existence{'*': must, '!': mustNot, '?': may}[line[0]], args: withDefaults(args)}
	if strings.EqualFold(args[0].text, "bye") && u.existence == must {
		p.group.bye = true
	}
	p.group.untagged = append(p.group.untagged, u)
	return nil
}

// connection cuts the number of a connection from a line; the first is 0.
func (p *scriptParser) connection(line string) (int, string, error) {
	number, rest, _ := strings.Cut(line, " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > p.script.connections {
		return 0, "", fmt.Errorf("expected the number of a connection, not %q", number)
	}
	return n - 1, rest, nil
}

// replyOf cuts "tag3" and "ok" from a line, each of which may be missing.
func replyOf(line string) (tag int, reply []arg, rest string) {
	word, after, _ := strings.Cut(line, " ")
	if digits, ok := strings.CutPrefix(strings.ToLower(word), "tag"); ok {
		if n, err := strconv.Atoi(digits); err == nil && n > 0 {
			tag, line = n, after
			word, after, _ = strings.Cut(line, " ")
		}
	}
	switch w := strings.ToLower(word); w {
	case "ok", "no", "bad":
		return tag, []arg{{text: w}}, after
	case `""`:
		return tag, []arg{{text: ""}}, after
	}
	return tag, nil, line
}
