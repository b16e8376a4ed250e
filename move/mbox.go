package move

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"strings"
	"time"
)

// Mbox is a file of messages, each after a line that begins with "From "
// (RFC 4155). Quoting by ">From " is undone as mboxrd wrote it. Flags come from
// Status and X-Status, mailboxes from X-Gmail-Labels where it stands.
type Mbox struct {
	File    string
	Mailbox string // where what says nothing else goes
}

func (m Mbox) Total(context.Context) (int64, string) {
	info, err := os.Stat(m.File)
	if err != nil {
		return 0, "octets"
	}
	return info.Size(), "octets"
}

// Messages reads the file twice: once for where messages begin, once for each.
func (m Mbox) Messages(ctx context.Context, j *Journal) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		f, err := os.Open(m.File)
		if err != nil {
			yield(Message{}, fmt.Errorf("open mbox: %w", err))
			return
		}
		defer f.Close()
		for part, err := range mboxParts(f) {
			at := Position{Part: m.File, Place: part.start}
			switch {
			case ctx.Err() != nil:
				yield(Message{}, ctx.Err())
				return
			case err != nil:
				yield(Message{}, err)
				return
			case j.Has(at):
				continue
			}
			if !yield(m.message(f, part, at), nil) {
				return
			}
		}
	}
}

// mboxPart is where one message lies: its From line, its text, and the end.
type mboxPart struct {
	start, text, end int64
	line             string
}

// mboxParts finds the messages of an mbox.
func mboxParts(r io.Reader) iter.Seq2[mboxPart, error] {
	return func(yield func(mboxPart, error) bool) {
		lines := bufio.NewReaderSize(r, 64<<10)
		var open *mboxPart
		var at int64
		blank, mid := true, false // mid: within a long line
		for {
			line, err := lines.ReadSlice('\n')
			begins := !mid
			if mid = errors.Is(err, bufio.ErrBufferFull); mid {
				err = nil
			}
			if begins && isFromLine(line, blank) {
				if open != nil {
					open.end = at
					if !yield(*open, nil) {
						return
					}
				}
				open = &mboxPart{start: at, text: at + int64(len(line)), line: strings.TrimRight(string(line), "\r\n")}
			} else if open == nil && len(bytes.TrimSpace(line)) > 0 {
				yield(mboxPart{}, fmt.Errorf("%w: an mbox begins with a line \"From \"", ErrSource))
				return
			}
			at += int64(len(line))
			blank = len(bytes.TrimRight(line, "\r\n")) == 0 && len(line) > 0
			if err == io.EOF {
				break
			}
			if err != nil {
				yield(mboxPart{}, fmt.Errorf("read mbox: %w", err))
				return
			}
		}
		if open != nil {
			open.end = at
			yield(*open, nil)
		}
	}
}

// timeOfDay is what every writer's From line has, and hardly any sentence.
var timeOfDay = regexp.MustCompile(`\b[0-2]?[0-9]:[0-5][0-9]`)

// isFromLine takes what ends with a date for a From line wherever it stands: not
// every writer leaves a line blank before it. After a blank line a time is enough.
func isFromLine(line []byte, blank bool) bool {
	if !bytes.HasPrefix(line, []byte("From ")) || len(line) > 1000 || !timeOfDay.Match(line) {
		return false
	}
	return blank || !fromTime(string(line)).IsZero()
}

func (m Mbox) message(f *os.File, part mboxPart, at Position) Message {
	body := io.NewSectionReader(f, part.text, part.end-part.text)
	labels := readLabels(body)
	box, flags := labels.place(m.Mailbox)
	return Message{
		Mailbox: box, Flags: flags, Received: fromTime(part.line), Position: at, Size: part.end - part.start,
		Open: func(context.Context) (io.ReadCloser, error) {
			if part.end-part.text > MaxMessage {
				return nil, ErrTooLarge
			}
			body := io.NewSectionReader(f, part.text, part.end-part.text)
			return io.NopCloser(newWireLines(newUnquoted(withoutLastBlank(body)))), nil
		},
	}
}

// withoutLastBlank leaves out the empty line that ends each message.
func withoutLastBlank(r *io.SectionReader) io.Reader {
	var tail [4]byte
	n, _ := r.ReadAt(tail[:], max(0, r.Size()-4))
	cut := 0
	switch end := tail[:n]; {
	case bytes.HasSuffix(end, []byte("\r\n\r\n")):
		cut = 2
	case bytes.HasSuffix(end, []byte("\n\n")):
		cut = 1
	}
	return io.NewSectionReader(r, 0, r.Size()-int64(cut))
}

// unquoted takes one ">" from lines that are ">From " with any number of them.
type unquoted struct {
	from *bufio.Reader
	rest []byte
	mid  bool // the rest of a long line
}

func newUnquoted(r io.Reader) *unquoted { return &unquoted{from: bufio.NewReaderSize(r, 32<<10)} }

func (u *unquoted) Read(p []byte) (int, error) {
	if len(u.rest) == 0 {
		line, err := u.from.ReadSlice('\n')
		if len(line) == 0 {
			return 0, err
		}
		if !u.mid && bytes.HasPrefix(line, []byte(">")) && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			line = line[1:]
		}
		u.mid = errors.Is(err, bufio.ErrBufferFull)
		u.rest = line
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// fromTime reads the date of a From line, which is in UTC unless it says otherwise.
func fromTime(line string) time.Time {
	words := strings.Fields(line)
	for _, layout := range []string{time.ANSIC, "Mon Jan 2 15:04:05 -0700 2006", "Mon Jan 2 15:04:05 MST 2006", "Mon Jan 2 15:04 2006"} {
		n := len(strings.Fields(layout))
		if len(words) < n+1 {
			continue
		}
		if t, err := time.Parse(layout, strings.Join(words[len(words)-n:], " ")); err == nil {
			return t
		}
	}
	return time.Time{}
}
