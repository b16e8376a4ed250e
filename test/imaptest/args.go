package imaptest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// kind says how an argument was written.
type kind uint8

const (
	atom kind = iota
	nilArg
	quoted
	literal
	list
)

// An arg is one argument of a response or of a script's line.
type arg struct {
	kind kind
	text string // of all but a list
	list []arg
}

var errMore = errors.New("missing data")

// maxDepth bounds nested lists: what is read comes from a server under test.
const maxDepth = 200

// argParser reads arguments as imaptest does: an atom is all up to a space, or to
// the end of the list it stands in.
type argParser struct{ rest string }

func parseArgs(text string) ([]arg, error) {
	p := argParser{rest: text}
	args, err := p.args(0)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("what is %.40q?", p.rest)
	}
	return args, err
}

// args reads to the end, or to the ")" of the list they stand in.
func (p *argParser) args(depth int) ([]arg, error) {
	args := []arg{}
	if depth > maxDepth {
		return nil, errors.New("lists are nested too deep")
	}
	for {
		p.rest = strings.TrimLeft(p.rest, " ")
		switch {
		case p.rest == "" && depth > 0:
			return nil, errMore
		case p.rest == "":
			return args, nil
		case p.rest[0] == ')' && depth > 0:
			p.rest = p.rest[1:]
			return args, nil
		}
		a, err := p.arg(depth)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
}

func (p *argParser) arg(depth int) (arg, error) {
	switch {
	case p.rest[0] == '(':
		p.rest = p.rest[1:]
		inner, err := p.args(depth + 1)
		return arg{kind: list, list: inner}, err
	case p.rest[0] == '"':
		return p.quoted()
	case p.rest[0] == '{' || strings.HasPrefix(p.rest, "~{"):
		return p.literal()
	}
	end := len(p.rest)
	for i := range len(p.rest) {
		if c := p.rest[i]; c == ' ' || c == '\r' || c == '\n' || c == ')' && depth > 0 {
			end = i
			break
		}
	}
	if end == 0 {
		return arg{}, fmt.Errorf("what is %.40q?", p.rest)
	}
	a := arg{text: p.rest[:end]}
	if strings.EqualFold(a.text, "NIL") {
		a.kind = nilArg
	}
	p.rest = p.rest[end:]
	return a, nil
}

func (p *argParser) quoted() (arg, error) {
	var text strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return arg{kind: quoted, text: text.String()}, nil
		case c == '\\' && i+1 < len(p.rest):
			i++
			text.WriteByte(p.rest[i])
		default:
			text.WriteByte(c)
		}
	}
	return arg{}, errMore
}

func (p *argParser) literal() (arg, error) {
	head, rest, ok := strings.Cut(p.rest, "\n")
	size, isSize := literalSize(strings.TrimSuffix(head, "\r"))
	if !ok || !isSize || !strings.HasSuffix(strings.TrimSuffix(head, "\r"), "}") {
		return arg{}, fmt.Errorf("expected a literal, not %.40q", head)
	}
	if size > len(rest) {
		return arg{}, errMore
	}
	p.rest = rest[size:]
	return arg{kind: literal, text: rest[:size]}, nil
}

// literalSize reads the announcement of a literal at the end of a line.
func literalSize(line string) (int, bool) {
	body, ok := strings.CutSuffix(line, "}")
	at := strings.LastIndexByte(body, '{')
	if !ok || at < 0 {
		return 0, false
	}
	size, err := strconv.ParseUint(strings.TrimSuffix(body[at+1:], "+"), 10, 31)
	return int(size), err == nil
}

// show writes arguments for people.
func show(args []arg) string {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch a.kind {
		case list:
			b.WriteString("(" + show(a.list) + ")")
		case quoted, literal:
			b.WriteString(strconv.Quote(a.text))
		default:
			b.WriteString(a.text)
		}
	}
	return b.String()
}
