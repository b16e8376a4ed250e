package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
}

// An answer is what one command brought.
type answer struct {
	took    time.Duration
	bytes   int64
	replies int      // untagged responses
	lines   []string // the first few of them, literals left out
}

// dialIMAP opens an IMAPS connection and signs in. The deadline of ctx is the
// connection's.
func dialIMAP(ctx context.Context, addr string, config *tls.Config, user, password string) (*reader, error) {
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	r := &reader{conn: conn, in: bufio.NewReaderSize(conn, 256<<10)}
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
	tag := "b" + strconv.Itoa(r.tag) + " "
	start := time.Now()
	if _, err := io.WriteString(r.conn, tag+line+"\r\n"); err != nil {
		return answer{}, err
	}
	var a answer
	for {
		text, n, err := r.response()
		a.bytes += n
		if err != nil {
			return a, err
		}
		if rest, tagged := strings.CutPrefix(text, tag); tagged {
			a.took = time.Since(start)
			if !strings.HasPrefix(rest, "OK") {
				return a, errors.New(strings.TrimSpace(rest))
			}
			return a, nil
		}
		a.replies++
		if len(a.lines) < 32 {
			a.lines = append(a.lines, text)
		}
	}
}

// response reads one response with all its literals; their content is skipped.
func (r *reader) response() (text string, n int64, err error) {
	for {
		line, err := r.in.ReadString('\n')
		n += int64(len(line))
		if err != nil {
			return text, n, err
		}
		text += line
		size, ok := literal(line)
		if !ok {
			return text, n, nil
		}
		skipped, err := io.CopyN(io.Discard, r.in, size)
		n += skipped
		if err != nil {
			return text, n, err
		}
	}
}

// literal says whether a line announces one, and its length (RFC 9051, section 4.3).
func literal(line string) (int64, bool) {
	line = strings.TrimRight(line, "\r\n")
	open := strings.LastIndexByte(line, '{')
	if open < 0 || !strings.HasSuffix(line, "}") {
		return 0, false
	}
	size, err := strconv.ParseInt(line[open+1:len(line)-1], 10, 64)
	return size, err == nil && size >= 0
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
