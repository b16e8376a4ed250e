package imap

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

func scripted(in string) (*wire, *script) {
	c := &script{in: strings.NewReader(in)}
	s := &Server{Limits: DefaultLimits}
	s.open()
	w := newWire(s, c)
	w.ended = func() {}
	return w, c
}

// said reads everything a client sends and writes down how it was understood.
func said(in string, limit int) (commands []string, out string) {
	w, c := scripted(in)
	for {
		got, err := w.readCommand(limit)
		var no *refusal
		switch {
		case errors.As(err, &no):
			commands = append(commands, fmt.Sprintf("refused %s %s", no.tag, no.text))
			continue
		case err != nil:
			w.flush()
			return append(commands, "end"), c.out.String()
		}
		text := fmt.Sprintf("%s|%s|%s", got.tag, got.name, got.args)
		if got.mail != nil {
			text += fmt.Sprintf("|mail %d %v", got.mail.size, got.mail.open)
			if got.mail.size < 100 && w.skip(got.mail.size) == nil {
				w.readLine(nil, limit)
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
		"a line":                  {"a noop\r\n", []string{"a|NOOP|", "end"}, ""},
		"UID forms":               {"a uid fetch 1:* flags\r\n", []string{"a|UID FETCH|1:* flags", "end"}, ""},
		"a lone LF":               {"a NOOP\nb NOOP\n", []string{"a|NOOP|", "b|NOOP|", "end"}, ""},
		"a literal is quoted":     {"a LOGIN {5+}\r\nal\"ce {2}\r\npw\r\n", []string{`a|LOGIN|"al\"ce" "pw"`, "end"}, "+ go on\r\n"},
		"literals in a row":       {"a LOGIN {1+}\r\nu {1+}\r\np\r\nb NOOP\r\n", []string{`a|LOGIN|"u" "p"`, "b|NOOP|", "end"}, ""},
		"a literal is no command": {"a SELECT {8+}\r\nINJ NOOP\r\n", []string{`a|SELECT|"INJ NOOP"`, "end"}, ""},
		"with a line end in it":   {"a SELECT {11+}\r\nx\r\nINJ NOOP\r\nb NOOP\r\n", []string{"refused a BAD a literal here holds no line end and no NUL", "b|NOOP|", "end"}, ""},
		"mail stays on the wire":  {"a APPEND INBOX (\\Seen) {5}\r\nhello\r\nb NOOP\r\n", []string{"a|APPEND|INBOX (\\Seen) |mail 5 false", "b|NOOP|", "end"}, ""},
		"mailbox as literal":      {"a APPEND {5+}\r\nINBOX {5+}\r\nhello\r\nb NOOP\r\n", []string{`a|APPEND|"INBOX" |mail 5 true`, "b|NOOP|", "end"}, ""},
		"literal8":                {"a APPEND x ~{3+}\r\nabc\r\n", []string{"a|APPEND|x |mail 3 true", "end"}, ""},
		"NUL":                     {"a NO\x00OP\r\nb NOOP\r\n", []string{"refused a BAD a command holds no NUL and no bare CR", "b|NOOP|", "end"}, ""},
		"bare CR":                 {"a NOOP\rb NOOP\r\nc NOOP\r\n", []string{"refused a BAD a command holds no NUL and no bare CR", "c|NOOP|", "end"}, ""},
		"open quote":              {"a SELECT \"x {3}\r\nb NOOP\r\n", []string{"refused a BAD a quoted string has no end", "b|NOOP|", "end"}, ""},
		"quoted brace":            {"a SELECT \"x {3}\"\r\n", []string{`a|SELECT|"x {3}"`, "end"}, ""},
		"no tag":                  {"\r\n", []string{"refused * BAD expected a tag and a command", "end"}, ""},
		"plus in a tag":           {"a+b NOOP\r\n", []string{"refused * BAD expected a tag and a command", "end"}, ""},
		"too large, asking":       {"a LOGIN {9000}\r\nb NOOP\r\n", []string{"refused a NO [TOOBIG] literal is too large for this command", "b|NOOP|", "end"}, ""},
		"too large, not asking":   {"a LOGIN {9000+}\r\nINJ NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"the largest number":      {"a LOGIN {4294967295+}\r\nINJ NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"beyond all numbers":      {"a LOGIN {99999999999999999999999}\r\nb NOOP\r\n", []string{"refused a NO [TOOBIG] literal is too large for this command", "b|NOOP|", "end"}, ""},
		"open over LITERAL-":      {"a APPEND x {4097+}\r\n" + strings.Repeat("y", 4097) + "\r\nb NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"a long line":             {"a LOGIN " + big + big + "\r\nINJ NOOP\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"many literals":           {"a LOGIN {4096+}\r\n" + big[:4096] + " {4096+}\r\n" + big[:4096] + "\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"quotes double":           {"a LOGIN {4096+}\r\n" + strings.Repeat(`"`, 4096) + "\r\n", []string{"end"}, "* BYE command is too long\r\n"},
		"half a literal":          {"a LOGIN {10+}\r\nabc", []string{"end"}, ""},
		"half a line":             {"a NOOP", []string{"end"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, out := said(c.in, maxLobbyCommand)
			if fmt.Sprint(got) != fmt.Sprint(c.want) || out != c.out {
				t.Errorf("understood %q and said %q, want %q and %q", got, out, c.want, c.out)
			}
		})
	}
}

// FuzzCommand: whatever comes, nothing panics, no command is larger than it may
// be, and none that is handed on holds a line end, a NUL or an open quote.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		"a NOOP\r\n", "a LOGIN {3+}\r\nx\"y {2}\r\nab\r\n", "a APPEND b (\\Seen) {3}\r\nabc\r\n",
		"a X \"{3}\r\n", "~{3}\r\n", "a UID\r\n", "a {0+}\r\n\r\n", "a b \\\"{1+}\r\n\"\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		w, _ := scripted(in)
		for {
			c, err := w.readCommand(300)
			var no *refusal
			if errors.As(err, &no) {
				if strings.ContainsAny(no.tag+no.text, "\r\n\x00") {
					t.Fatalf("a refusal that breaks the line: %q", no)
				}
				continue
			}
			if err != nil {
				return
			}
			line := strings.TrimSuffix(c.line(), "\r\n")
			if len(line) > 310 || strings.ContainsAny(line, "\r\n\x00") || openQuote([]byte(c.args)) {
				t.Fatalf("handed on %q", line)
			}
		}
	})
}

// What is written comes out in its order, however it was gathered.
func TestOutputKeepsItsOrder(t *testing.T) {
	t.Parallel()
	w, c := scripted("")
	var want bytes.Buffer
	for n := range 2000 {
		size := []int{1, 10, 100, outSize/2 - 1, outSize / 2, outSize - 1, outSize, outSize + 1, pieceSize}[n*n%9]
		p := bytes.Repeat([]byte{byte(n)}, size)
		want.Write(p)
		if got, err := w.Write(p); got != size || err != nil {
			t.Fatalf("wrote %d of %d: %v", got, size, err)
		}
		if n%97 == 0 {
			w.flush()
		}
	}
	w.flush()
	if !bytes.Equal(c.out.Bytes(), want.Bytes()) {
		t.Error("the output is in disorder")
	}
}
