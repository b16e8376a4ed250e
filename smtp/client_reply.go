package smtp

import (
	"bufio"
	"errors"
	"strings"
	"time"
)

// Bounds of what a server may say at once. RFC 5321, section 4.5.3.1.5 gives a
// line 512 octets; real servers write longer ones.
const (
	maxReplyLine  = 4 << 10
	maxReplyLines = 128
	maxReply      = 32 << 10
	maxReplyText  = 500 // kept of a reply's text
)

// reply reads one reply; its last octet must come within wait.
func (c *Client) reply(wait time.Duration) (Reply, []string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return Reply{}, nil, err
	}
	return readReply(c.in)
}

// readReply reads the lines of one reply (RFC 5321, section 4.2). It returns
// their texts too, without code, as they came.
func readReply(in *bufio.Reader) (Reply, []string, error) {
	var r Reply
	var texts []string
	for size := 0; ; {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return Reply{}, nil, errTooLong
		}
		if err != nil {
			return Reply{}, nil, err
		}
		if size += len(line); size > maxReply || len(texts) == maxReplyLines {
			return Reply{}, nil, errTooLong
		}
		code, text, last, ok := replyLine(strings.TrimRight(string(line), "\r\n"))
		if !ok || len(texts) > 0 && code != r.Code {
			return Reply{}, nil, errReply
		}
		r.Code, texts = code, append(texts, text)
		if last {
			r.Enhanced, r.Text = summary(code, texts)
			return r, texts, nil
		}
	}
}

// replyLine reads one line of a reply.
func replyLine(s string) (code int, text string, last, ok bool) {
	if len(s) < 3 || s[0] < '2' || s[0] > '5' || !digits(s[1:3]) {
		return 0, "", false, false
	}
	code = int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
	if len(s) == 3 {
		return code, "", true, true
	}
	return code, s[4:], s[3] != '-', s[3] == ' ' || s[3] == '-'
}

// summary makes one short line of printable ASCII of a reply's lines, and takes
// the enhanced code off each (RFC 2034).
func summary(code int, texts []string) (enhanced, text string) {
	var b strings.Builder
	for i, t := range texts {
		e, rest := cutEnhanced(code, t)
		if i == 0 {
			enhanced = e
		}
		if e != "" && e == enhanced {
			t = rest
		}
		if t = strings.TrimSpace(oneLine(t)); t == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t)
		if b.Len() >= maxReplyText {
			return enhanced, b.String()[:maxReplyText]
		}
	}
	return enhanced, b.String()
}

// cutEnhanced takes a status code of RFC 3463 from the front of a text. One of
// another class than the reply's is not one.
func cutEnhanced(code int, text string) (enhanced, rest string) {
	word, rest, _ := strings.Cut(text, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 || len(parts[0]) != 1 || int(parts[0][0]-'0') != code/100 {
		return "", text
	}
	for _, p := range parts[1:] {
		if len(p) < 1 || len(p) > 3 || !digits(p) {
			return "", text
		}
	}
	return word, rest
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
