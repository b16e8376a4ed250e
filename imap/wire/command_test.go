package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// script is a connection that gives what a client sends and keeps what it is told.
type script struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

func scripted(in string) (*Conn, *script) {
	c := &script{in: strings.NewReader(in)}
	return New(c, Times{Read: time.Minute, Write: time.Minute}), c
}

// said reads everything a client sends and writes down how it was understood.
func said(in string, lobby bool) (commands []string, out string) {
	c, s := scripted(in)
	for {
		got, err := c.ReadCommand(lobby)
		var no *Refusal
		switch {
		case errors.As(err, &no):
			commands = append(commands, fmt.Sprintf("refused %s %s", no.Tag, strings.TrimSpace(no.Kind+" "+no.Code)+": "+no.Text))
			continue
		case err != nil:
			c.Flush()
			return append(commands, "end"), s.out.String()
		}
		name := got.Name
		if got.UID {
			name = "UID " + name
		}
		text := fmt.Sprintf("%s|%s|%s", got.Tag, name, got.Args.Rest())
		if got.Mail != nil {
			text += fmt.Sprintf("|mail %d %v", got.Mail.Size, got.Mail.Open)
			if got.Mail.Size < 100 && c.Skip(got.Mail.Size) == nil {
				c.ReadLine(nil, LobbyCommand)
			}
		}
		commands = append(commands, text)
	}
}

func TestCommandsAreReadWhole(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		in   string
		want []string
		out  string
	}{
		"a line":                    {"a noop\r\n", []string{"a|NOOP|", "end"}, ""},
		"UID forms":                 {"a uid fetch 1:* flags\r\n", []string{"a|UID FETCH|1:* flags", "end"}, ""},
		"a lone LF":                 {"a NOOP\nb NOOP\n", []string{"a|NOOP|", "b|NOOP|", "end"}, ""},
		"a literal stays":           {"a LOGIN {5+}\r\nal\"ce {2}\r\npw\r\n", []string{"a|LOGIN|{5}\r\nal\"ce {2}\r\npw", "end"}, "+ go on\r\n"},
		"literals in a row":         {"a LOGIN {1+}\r\nu {1+}\r\np\r\nb NOOP\r\n", []string{"a|LOGIN|{1}\r\nu {1}\r\np", "b|NOOP|", "end"}, ""},
		"a literal is no command":   {"a SELECT {8+}\r\nINJ NOOP\r\n", []string{"a|SELECT|{8}\r\nINJ NOOP", "end"}, ""},
		"with a line end in it":     {"a SELECT {11+}\r\nx\r\nINJ NOOP\r\nb NOOP\r\n", []string{"a|SELECT|{11}\r\nx\r\nINJ NOOP", "b|NOOP|", "end"}, ""},
		"mail stays on the wire":    {"a APPEND INBOX (\\Seen) {5}\r\nhello\r\nb NOOP\r\n", []string{"a|APPEND|INBOX (\\Seen) |mail 5 false", "b|NOOP|", "end"}, ""},
		"mailbox as literal":        {"a APPEND {5+}\r\nINBOX {5+}\r\nhello\r\nb NOOP\r\n", []string{"a|APPEND|{5}\r\nINBOX |mail 5 true", "b|NOOP|", "end"}, ""},
		"literal8":                  {"a APPEND x ~{3+}\r\nabc\r\n", []string{"a|APPEND|x |mail 3 true", "end"}, ""},
		"NUL":                       {"a NO\x00OP\r\nb NOOP\r\n", []string{"refused a BAD: a command holds no NUL and no bare CR", "b|NOOP|", "end"}, ""},
		"bare CR":                   {"a NOOP\rb NOOP\r\nc NOOP\r\n", []string{"refused a BAD: a command holds no NUL and no bare CR", "c|NOOP|", "end"}, ""},
		"open quote":                {"a SELECT \"x {3}\r\nb NOOP\r\n", []string{"refused a BAD: a quoted string has no end", "b|NOOP|", "end"}, ""},
		"quoted brace":              {"a SELECT \"x {3}\"\r\n", []string{`a|SELECT|"x {3}"`, "end"}, ""},
		"no tag":                    {"\r\n", []string{"refused * BAD: expected a tag and a command", "end"}, ""},
		"plus in a tag":             {"a+b NOOP\r\n", []string{"refused * BAD: expected a tag and a command", "end"}, ""},
		"too large, asking":         {"a LOGIN {40000}\r\nb NOOP\r\n", []string{"refused a NO TOOBIG: literal is too large for this command", "b|NOOP|", "end"}, ""},
		"too large, not asking":     {"a LOGIN {40000+}\r\nINJ NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"the largest number":        {"a LOGIN {4294967295+}\r\nINJ NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"beyond all numbers":        {"a LOGIN {99999999999999999999999}\r\nb NOOP\r\n", []string{"refused a NO TOOBIG: literal is too large for this command", "b|NOOP|", "end"}, ""},
		"open over LITERAL-":        {"a APPEND x {4097+}\r\n" + strings.Repeat("y", 4097) + "\r\nb NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"a long line":               {"a LOGIN " + strings.Repeat(big, 8) + "\r\nINJ NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"many literals":             {"a LOGIN" + strings.Repeat(" {4096+}\r\n"+big[:4096], 10) + "\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"NUL in a literal":          {"a LOGIN {3+}\r\nx\x00y {1}\r\nb NOOP\r\n", []string{"refused a BAD: a literal holds no NUL", "b|NOOP|", "end"}, ""},
		"NUL in a literal8":         {"a X ~{3+}\r\nx\x00y\r\n", []string{"a|X|~{3}\r\nx\x00y", "end"}, ""},
		"mail of REPLACE":           {"a UID REPLACE 3 \"a b\" (\\Seen) {5+}\r\nhello\r\n", []string{`a|UID REPLACE|3 "a b" (\Seen) |mail 5 true`, "end"}, ""},
		"mailbox of REPLACE":        {"a REPLACE 3 {5+}\r\nINBOX {5+}\r\nhello\r\n", []string{"a|REPLACE|3 {5}\r\nINBOX |mail 5 true", "end"}, ""},
		"a literal's CR is its own": {"a X {3+}\r\nx \r\nb NOOP\r\n", []string{"a|X|{3}\r\nx \r", "b|NOOP|", "end"}, ""},
		"half a literal":            {"a LOGIN {10+}\r\nabc", []string{"end"}, ""},
		"half a line":               {"a NOOP", []string{"end"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, out := said(c.in, true)
			if fmt.Sprint(got) != fmt.Sprint(c.want) || out != c.out {
				t.Errorf("understood %q and said %q, want %q and %q", got, out, c.want, c.out)
			}
		})
	}
}

// FuzzCommand: whatever comes before sign-in or after it, nothing panics, no
// command is larger than it may be, and none that is handed on holds a line end
// outside of its literals, or an open quote.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"a NOOP\r\n", "a LOGIN {3+}\r\nx\"y {2}\r\nab\r\n", "a APPEND b (\\Seen) {3}\r\nabc\r\n",
		"a X \"{3}\r\n", "~{3}\r\n", "a UID\r\n", "a {0+}\r\n\r\n", "a b \\\"{1+}\r\n\"\r\n", "a REPLACE 1 {3}\r\nabc {4+}\r\nabcd\r\n",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, in string, lobby bool) {
		c, _ := scripted(in)
		for {
			got, err := c.ReadCommand(lobby)
			var no *Refusal
			if errors.As(err, &no) {
				if strings.ContainsAny(no.Tag+no.Text, "\r\n\x00") {
					t.Fatalf("a refusal that breaks the line: %q", no)
				}
				continue
			}
			if err != nil {
				return
			}
			if len(got.Args.rest) > SessionCommand+40 || lobby && len(got.Args.rest) > LobbyCommand+40 {
				t.Fatalf("handed on %d bytes", len(got.Args.rest))
			}
			outside(t, got.Args)
		}
	})
}

// outside takes the arguments apart, whatever they mean.
func outside(t *testing.T, p Parser) {
	for !p.End() {
		if _, ok := p.Text(); ok {
			continue
		}
		c := p.rest[0]
		if c == '\r' || c == '\n' || c == 0 {
			t.Fatalf("handed on a line end: %q", p.rest)
		}
		p.rest = p.rest[1:]
	}
}

// What is written comes out in its order, however it was gathered.
func TestOutputKeepsItsOrder(t *testing.T) {
	t.Parallel()
	w, c := scripted("")
	var want bytes.Buffer
	for n := range 2000 {
		size := []int{1, 10, 100, outSize/2 - 1, outSize / 2, outSize - 1, outSize, outSize + 1, 2 * outSize}[n*n%9]
		p := bytes.Repeat([]byte{byte(n)}, size)
		want.Write(p)
		if got, err := w.Write(p); got != size || err != nil {
			t.Fatalf("wrote %d of %d: %v", got, size, err)
		}
		if n%97 == 0 {
			w.Flush()
		}
	}
	w.Flush()
	if !bytes.Equal(c.out.Bytes(), want.Bytes()) {
		t.Error("the output is in disorder")
	}
}

// Octets that are read where they are sent from come out whole and in their place,
// however little room is left.
func TestRange(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 10_000)
	for before := outSize - 2*leastRead; before < outSize+10; before += 37 {
		c, s := scripted("")
		c.Str(text[:before])
		if err := c.Range(strings.NewReader(text), 5, int64(5+2*before)); err != nil {
			t.Fatal(err)
		}
		c.Line()
		c.Flush()
		if want := text[:before] + text[5:5+2*before] + "\r\n"; s.out.String() != want {
			t.Fatalf("%d octets behind %d came out as %d", 2*before, before, s.out.Len())
		}
	}
	c, _ := scripted("")
	if err := c.Range(strings.NewReader("short"), 0, 6); err == nil {
		t.Error("a reader that ends early is no error")
	}
}

// Strings are quoted where they can be, however they come.
func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1001)
	for _, x := range []struct {
		text string
		utf8 bool
		want string
	}{
		{"", false, `""`},
		{"a b\t", false, "\"a b\t\""},
		{`a"b\c`, false, `"a\"b\\c"`},
		{"a\r\nb", true, "{4}\r\na\r\nb"},
		{"\x7f", true, "{1}\r\n\x7f"},
		{"ä", false, "{2}\r\nä"},
		{"ä\"", true, `"ä\""`},
		{"\xff", true, "{1}\r\n\xff"},
		{long, false, "{1001}\r\n" + long},
	} {
		c, s := scripted("")
		c.UTF8 = x.utf8
		c.Text(x.text)
		c.TextBytes([]byte(x.text))
		c.Flush()
		if got := s.out.String(); got != x.want+x.want {
			t.Errorf("%q: %q, want twice %q", x.text, got, x.want)
		}
	}
}
