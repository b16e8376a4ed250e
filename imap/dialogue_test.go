package imap_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealpost/mailstore"
)

// TestDialogues plays testdata/*.txtar: every file in an archive is one
// dialogue on a fresh server. Lines:
//
//	C: text      the client sends text and CRLF
//	C; text      the client sends text as it stands, with Go escapes
//	S: text      the server says exactly this; «...» is a regular expression, and
//	             «X=...» also what $X stands for from here on
//	S* text      the server says this, and perhaps other lines before
//	@ login      sign in over TLS (otherwise the dialogue begins in the lobby)
//	@ tls        the lobby, but over TLS
//	@ mail BOX SUBJECT [FLAG...]    deliver a small mail
//	@ other COMMAND    another client of hers does this
//	@ rows BOX N                    put N entries there that have no letters
//	@ quota OCTETS                  what the account may store
//	@ closed     the server closes the connection
//	# remark
//
// $ALICE is her password, $NAME her address, and $BIN is a PLAIN response.
func TestDialogues(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, path := range archives {
		for name, text := range unpack(t, path) {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+name, func(t *testing.T) {
				t.Parallel()
				play(t, text)
			})
		}
	}
}

var fileHead = regexp.MustCompile(`(?m)^-- (.+) --\n`)

func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	heads := fileHead.FindAllSubmatchIndex(data, -1)
	for i, h := range heads {
		end := len(data)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		files[string(data[h[2]:h[3]])] = string(data[h[1]:end])
	}
	return files
}

// player is one dialogue under way.
type player struct {
	*testing.T
	house *house
	conn  net.Conn
	in    *bufio.Reader
	other *player
	heard []string // "$X", what it stands for, ...
}

func play(t *testing.T, text string) {
	p := &player{T: t, house: build(t)}
	for n, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if err := p.line(p.fill(line)); err != nil {
			t.Fatalf("line %d, %s: %v", n+1, line, err)
		}
	}
}

func (p *player) fill(line string) string {
	a := p.house.alice
	line = strings.NewReplacer(p.heard...).Replace(line)
	return strings.NewReplacer("$ALICE", a.password, "$NAME", a.address, "$BIN", plainResponse(a.address, a.password)).Replace(line)
}

func (p *player) line(line string) error {
	kind, text := line[:2], strings.TrimPrefix(line[2:], " ")
	if kind == "@ " {
		return p.directive(strings.Fields(text))
	}
	if p.conn == nil {
		if err := p.dial(p.house.imap, false); err != nil {
			return err
		}
	}
	switch kind {
	case "C:":
		_, err := fmt.Fprintf(p.conn, "%s\r\n", text)
		return err
	case "C;":
		raw, err := strconv.Unquote(`"` + text + `"`)
		if err != nil {
			return err
		}
		_, err = p.conn.Write([]byte(raw))
		return err
	case "S:":
		return p.expect(text, false)
	case "S*":
		return p.expect(text, true)
	}
	return fmt.Errorf("what is this?")
}

func (p *player) dial(addr string, secure bool) (err error) {
	if secure {
		p.conn, err = tls.Dial("tcp", addr, p.house.tls)
	} else {
		p.conn, err = net.Dial("tcp", addr)
	}
	if err != nil {
		return err
	}
	p.Cleanup(func() { p.conn.Close() })
	p.conn.SetDeadline(time.Now().Add(20 * time.Second))
	p.in = bufio.NewReader(p.conn)
	return nil
}

func (p *player) directive(words []string) error {
	switch words[0] {
	case "mail":
		p.house.deliver(p.house.alice, words[1], letter(words[2], "hello"), words[3:]...)
		return nil
	case "rows":
		n, err := strconv.Atoi(words[2])
		p.house.rows(words[1], n)
		return err
	case "quota":
		return p.quota(words[1])
	case "tls":
		return p.dial(p.house.imaps, true)
	case "login":
		if err := p.dial(p.house.imaps, true); err != nil {
			return err
		}
		fmt.Fprintf(p.conn, "l LOGIN %s %s\r\n", p.house.alice.address, p.house.alice.password)
		return p.expect("l OK «.*»", true)
	case "other":
		if p.other == nil {
			p.other = &player{T: p.T, house: p.house}
			if err := p.other.directive([]string{"login"}); err != nil {
				return err
			}
		}
		fmt.Fprintf(p.other.conn, "o %s\r\n", strings.Join(words[1:], " "))
		return p.other.expect("o OK «.*»", true)
	case "starttls":
		c := tls.Client(p.conn, p.house.tls)
		p.conn, p.in = c, bufio.NewReader(c)
		return c.Handshake()
	case "closed":
		if rest, err := p.in.ReadString('\n'); err == nil {
			return fmt.Errorf("still open, said %q", rest)
		}
		return nil
	}
	return fmt.Errorf("no such directive")
}

func (p *player) quota(octets string) error {
	n, err := strconv.ParseInt(octets, 10, 64)
	if err != nil {
		return err
	}
	_, err = p.house.store.Apply(p.Context(), p.house.alice.owner(), mailstore.SetQuota{Bytes: n})
	return err
}

var hole = regexp.MustCompile(`«(?:([A-Z]+)=)?(.*?)»`)

func (p *player) expect(want string, patient bool) error {
	var pattern strings.Builder
	at := 0
	for _, h := range hole.FindAllStringSubmatchIndex(want, -1) {
		group := "(?:"
		if h[2] >= 0 {
			group = "(?P<" + want[h[2]:h[3]] + ">"
		}
		pattern.WriteString(regexp.QuoteMeta(want[at:h[0]]) + group + want[h[4]:h[5]] + ")")
		at = h[1]
	}
	pattern.WriteString(regexp.QuoteMeta(want[at:]))
	is := regexp.MustCompile("^" + pattern.String() + "$")
	var said []string
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("%w after %q", err, said)
		}
		if !strings.HasSuffix(line, "\r\n") {
			return fmt.Errorf("%q does not end in CRLF", line)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if m := is.FindStringSubmatch(line); m != nil {
			for i, name := range is.SubexpNames() {
				if name != "" {
					p.heard = append([]string{"$" + name, m[i]}, p.heard...)
				}
			}
			return nil
		}
		said = append(said, line)
		if !patient || len(said) > 200 {
			return fmt.Errorf("server said %q", said)
		}
	}
}
