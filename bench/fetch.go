package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// A reader is an IMAP client that throws away what it reads: it counts, so that
// the time is the server's and not that of a parser.
type reader struct {
	conn net.Conn
	in   *bufio.Reader
	tag  int
	skip int // octets of the literal that comes next
}

// An answer is what one command brought.
type answer struct {
	took     time.Duration
	bytes    int64
	replies  int      // untagged responses
	vanished bool     // one of them was VANISHED (RFC 7162)
	lines    []string // the first few of them, literals left out
}

// dialIMAP opens an IMAPS connection and signs in. The deadline of ctx is the
// connection's.
func dialIMAP(ctx context.Context, addr string, config *tls.Config, user, password string) (*reader, error) {
	return openIMAP(ctx, &tls.Dialer{Config: config}, 256<<10, addr, user, password)
}

// openIMAP does it with a dialer and an input buffer of one's own choice.
func openIMAP(ctx context.Context, dialer *tls.Dialer, buffer int, addr, user, password string) (*reader, error) {
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	r := &reader{conn: conn, in: bufio.NewReaderSize(conn, buffer)}
	if _, err := r.in.ReadString('\n'); err != nil {
		conn.Close()
		return nil, fmt.Errorf("banner: %w", err)
	}
	if _, err := r.command(fmt.Sprintf("LOGIN %q %q", user, password)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return r, nil
}

func (r *reader) close() { r.conn.Close() }

// command runs one command to its tagged OK.
func (r *reader) command(line string) (answer, error) {
	r.tag++
	tag := []byte("b" + strconv.Itoa(r.tag) + " ")
	start := time.Now()
	if _, err := r.conn.Write([]byte(string(tag) + line + "\r\n")); err != nil {
		return answer{}, err
	}
	a, rest, err := r.until(tag)
	a.took = time.Since(start)
	if err == nil && !strings.HasPrefix(rest, "OK") {
		err = errors.New(strings.TrimSpace(rest))
	}
	return a, err
}

// goAhead reads the continuation that IDLE and a literal wait for.
func (r *reader) goAhead() error {
	for {
		line, err := r.in.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "+"):
			return nil
		case !strings.HasPrefix(line, "*"):
			return errors.New(strings.TrimSpace(line))
		}
	}
}

// appendMail appends one mail, behind a literal that waits for its turn.
func (r *reader) appendMail(mailbox string, mail []byte) error {
	r.tag++
	tag := "b" + strconv.Itoa(r.tag) + " "
	if _, err := fmt.Fprintf(r.conn, "%sAPPEND %s {%d}\r\n", tag, mailbox, len(mail)); err != nil {
		return err
	}
	if err := r.goAhead(); err != nil {
		return err
	}
	if _, err := r.conn.Write(append(mail, "\r\n"...)); err != nil {
		return err
	}
	_, rest, err := r.until([]byte(tag))
	if err == nil && !strings.HasPrefix(rest, "OK") {
		err = errors.New(strings.TrimSpace(rest))
	}
	return err
}

// until reads responses up to the tagged one, and what stands behind its tag. Of
// most it looks at the ends only, and allocates nothing.
func (r *reader) until(tag []byte) (a answer, rest string, err error) {
	for {
		line, more, err := r.piece(&a)
		if err != nil {
			return a, "", err
		}
		if text, tagged := bytes.CutPrefix(line, tag); tagged {
			return a, string(text), nil
		}
		a.vanished = a.vanished || bytes.HasPrefix(line, vanished)
		if a.replies++; a.replies <= keptLines {
			a.lines = append(a.lines, string(line))
		}
		for more {
			if _, more, err = r.piece(&a); err != nil {
				return a, "", err
			}
		}
	}
}

// piece skips the literal that was announced, and reads up to the end of a line or
// of the buffer. more says that the response goes on behind it.
func (r *reader) piece(a *answer) (line []byte, more bool, err error) {
	skipped, err := r.in.Discard(r.skip)
	a.bytes += int64(skipped)
	r.skip = 0
	if err != nil {
		return nil, false, err
	}
	line, err = r.in.ReadSlice('\n')
	a.bytes += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) {
		return line, true, nil
	}
	if err == nil && bytes.HasSuffix(line, closing) {
		r.skip, more = literal(line)
	}
	return line, more, err
}

const keptLines = 32

var (
	vanished = []byte("* VANISHED")
	closing  = []byte("}\r\n") // of a line that a literal may follow
)

// literal says whether a line announces one, and its length (RFC 9051, section 4.3).
func literal(line []byte) (int, bool) {
	line = bytes.TrimRight(line, "\r\n")
	open := bytes.LastIndexByte(line, '{')
	if open < 0 || !bytes.HasSuffix(line, []byte("}")) {
		return 0, false
	}
	size, err := strconv.ParseInt(string(line[open+1:len(line)-1]), 10, 32)
	return int(size), err == nil && size >= 0
}

// messages is how many mails INBOX holds.
func (r *reader) messages() (int, error) {
	a, err := r.command("STATUS INBOX (MESSAGES)")
	if err != nil {
		return 0, err
	}
	for _, line := range a.lines {
		if _, after, found := strings.Cut(line, "(MESSAGES "); found {
			return strconv.Atoi(strings.TrimRight(after, ")\r\n"))
		}
	}
	return 0, errors.New("no STATUS in the answer")
}
