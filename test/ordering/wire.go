package ordering

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// patience is how long a client waits for an answer: longer than a node tries.
const patience = 75 * time.Second

// ErrStuck says that a node did not answer at all.
var ErrStuck = errors.New("no answer in " + patience.String())

// wire is one connection of a client: it says commands and takes down what is answered.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	tags int
}

// answer is what was said up to the end of a command.
type answer struct {
	word string // OK, NO, BAD
	code string // in brackets
	heard
}

// heard is what untagged responses said.
type heard struct {
	rows    []Message // FETCH with flags and MODSEQ
	gone    []uint32
	earlier []uint32 // VANISHED (EARLIER)
	exists  int      // so many there are, if that was said; -1: it was not, and
	dropped int      // so many fewer than before there are
	codes   map[string]string
	status  map[string]uint64
	bodies  map[uint32]string
}

func dial(address string, config *tls.Config) (*wire, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, config)
	w := &wire{conn: secured, in: bufio.NewReaderSize(secured, 32<<10)}
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := w.line(); err != nil { // the greeting
		conn.Close()
		return nil, err
	}
	return w, nil
}

// do says a command and hears its answer. If there is none, what was heard so far comes
// with the error.
func (w *wire) do(format string, args ...any) (a answer, err error) {
	w.tags++
	tag := "t" + strconv.Itoa(w.tags)
	a.exists, a.codes, a.status, a.bodies = -1, map[string]string{}, map[string]uint64{}, map[uint32]string{}
	w.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(w.conn, tag+" "+fmt.Sprintf(format, args...)+"\r\n"); err != nil {
		return a, stuck(err)
	}
	return a, stuck(w.until(tag, &a))
}

// idle waits for a moment for what is told.
func (w *wire) idle(d time.Duration) (a answer, err error) {
	w.tags++
	tag := "t" + strconv.Itoa(w.tags)
	a.exists, a.codes = -1, map[string]string{}
	w.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(w.conn, tag+" IDLE\r\n"); err != nil {
		return a, stuck(err)
	}
	time.Sleep(d)
	if _, err := io.WriteString(w.conn, "DONE\r\n"); err != nil {
		return a, stuck(err)
	}
	return a, stuck(w.until(tag, &a))
}

// highest is the HIGHESTMODSEQ that was told, or 0.
func (a *answer) highest() uint64 {
	if text, ok := strings.CutPrefix(a.code, "HIGHESTMODSEQ "); ok {
		return numberOf(text)
	}
	return numberOf(a.codes["HIGHESTMODSEQ"])
}

func stuck(err error) error {
	if wait := net.Error(nil); errors.As(err, &wait) && wait.Timeout() {
		return ErrStuck
	}
	return err
}

func (w *wire) until(tag string, a *answer) error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		rest, tagged := strings.CutPrefix(line, tag+" ")
		switch {
		case tagged:
			a.word, rest, _ = strings.Cut(rest, " ")
			if strings.HasPrefix(rest, "[") {
				a.code, _, _ = strings.Cut(rest[1:], "]")
			}
			return nil
		case strings.HasPrefix(line, "* BYE"):
			return io.EOF
		case strings.HasPrefix(line, "* "):
			if err := a.hear(line[2:]); err != nil {
				return err
			}
		}
	}
}

var literal = regexp.MustCompile(`\{(\d+)\}$`)

// maxLiteral bounds what a node can have a client hold.
const maxLiteral = 1 << 20

// line reads a response with the literals in it.
func (w *wire) line() (text string, err error) {
	for {
		part, err := w.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		text += strings.TrimRight(part, "\r\n")
		m := literal.FindStringSubmatch(text)
		if m == nil {
			return text, nil
		}
		n, _ := strconv.Atoi(m[1])
		if n > maxLiteral {
			return "", errors.New("a literal is too long")
		}
		octets := make([]byte, n)
		if _, err := io.ReadFull(w.in, octets); err != nil {
			return "", err
		}
		text += "\n" + string(octets)
	}
}

var (
	existsLine = regexp.MustCompile(`^(\d+) EXISTS$`)
	fetchLine  = regexp.MustCompile(`(?s)^\d+ FETCH \((.*)\)$`)
	goneLine   = regexp.MustCompile(`^VANISHED (\(EARLIER\) )?([\d:,]+)$`)
	codeLine   = regexp.MustCompile(`^OK \[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)\]|^OK \[(COPYUID) ([^\]]*)\]`)
	statusLine = regexp.MustCompile(`^STATUS \S+ \((.*)\)$`)
	uidItem    = regexp.MustCompile(`\bUID (\d+)`)
	flagItem   = regexp.MustCompile(`FLAGS \(([^)]*)\)`)
	modItem    = regexp.MustCompile(`MODSEQ \((\d+)\)`)
	markItem   = regexp.MustCompile(`<([0-9A-Za-z.-]+)@` + markDomain + `>`)
)

// markDomain is in the Message-ID of each mail of a run.
const markDomain = "ordering.test"

func (a *answer) hear(line string) error {
	head, body, hasBody := strings.Cut(line, "\n")
	switch {
	case existsLine.MatchString(line):
		a.exists = int(numberOf(existsLine.FindStringSubmatch(line)[1]))
	case hasBody:
		if m := uidItem.FindStringSubmatch(head); m != nil {
			a.bodies[uint32(numberOf(m[1]))] = strings.TrimSuffix(body, ")")
		}
	case fetchLine.MatchString(line):
		a.row(fetchLine.FindStringSubmatch(line)[1])
	case goneLine.MatchString(line):
		m := goneLine.FindStringSubmatch(line)
		uids, err := uidsOf(m[2])
		if err != nil {
			return err
		}
		if m[1] != "" {
			a.earlier = append(a.earlier, uids...)
		} else {
			a.gone = append(a.gone, uids...)
			if a.dropped += len(uids); a.exists >= 0 {
				a.exists -= len(uids)
			}
		}
	case codeLine.MatchString(line):
		m := codeLine.FindStringSubmatch(line)
		a.codes[m[1]+m[3]] = m[2] + m[4]
	case statusLine.MatchString(line):
		words := strings.Fields(statusLine.FindStringSubmatch(line)[1])
		for pair := range slices.Chunk(words, 2) {
			if len(pair) == 2 {
				a.status[pair[0]] = numberOf(pair[1])
			}
		}
	}
	return nil
}

// row takes down a message, if its flags and MODSEQ were told.
func (a *answer) row(items string) {
	uid, flags, modseq := uidItem.FindStringSubmatch(items), flagItem.FindStringSubmatch(items), modItem.FindStringSubmatch(items)
	if uid == nil || flags == nil || modseq == nil {
		return
	}
	m := Message{UID: uint32(numberOf(uid[1])), Modseq: numberOf(modseq[1])}
	m.Flags = slices.DeleteFunc(strings.Fields(flags[1]), func(f string) bool { return strings.EqualFold(f, `\Recent`) })
	if mark := markItem.FindStringSubmatch(items); mark != nil {
		m.Mark = mark[1]
	}
	a.rows = append(a.rows, m)
}

func numberOf(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 63)
	return n
}

// maxSet bounds the UIDs that a set in a response can have.
const maxSet = 1 << 20

func uidsOf(set string) (uids []uint32, err error) {
	for part := range strings.SplitSeq(set, ",") {
		first, last, span := strings.Cut(part, ":")
		lo, hi := numberOf(first), numberOf(first)
		if span {
			hi = numberOf(last)
		}
		lo, hi = min(lo, hi), max(lo, hi)
		if lo == 0 || hi-lo > maxSet || len(uids) > maxSet {
			return nil, errors.New("a set of UIDs is none")
		}
		for uid := lo; uid <= hi; uid++ {
			uids = append(uids, uint32(uid))
		}
	}
	return uids, nil
}

func setOf(uids []uint32) string {
	text := make([]string, len(uids))
	for i, uid := range uids {
		text[i] = strconv.FormatUint(uint64(uid), 10)
	}
	return strings.Join(text, ",")
}

// pairsOf reads COPYUID: UIDVALIDITY, sources, targets (RFC 9051, section 7.1).
func pairsOf(code string) (pairs [][2]uint32) {
	words := strings.Fields(code)
	if len(words) < 3 {
		return nil
	}
	from, err1 := uidsOf(words[len(words)-2])
	to, err2 := uidsOf(words[len(words)-1])
	if err1 != nil || err2 != nil || len(from) != len(to) {
		return nil
	}
	for i := range from {
		pairs = append(pairs, [2]uint32{from[i], to[i]})
	}
	return pairs
}
