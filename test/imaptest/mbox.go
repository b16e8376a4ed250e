package imaptest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A Mail is one of a mailbox file.
type Mail struct {
	text string // lines end in CRLF
	date string // of its From line, as APPEND writes it
}

var fromLine = regexp.MustCompile(`^From \S+ +\w{3} (\w{3} +\d+ \d\d:\d\d:\d\d \d{4})( [+-]\d{4})?$`)

// ParseMbox reads a mailbox file. As for imaptest, the empty line in front of a
// From line is part of the mail before it.
func ParseMbox(text string) (mails []Mail, err error) {
	for i, row := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		row = strings.TrimSuffix(row, "\r")
		m := fromLine.FindStringSubmatch(row)
		switch {
		case m != nil:
			if m[2] == "" {
				m[2] = " +0000"
			}
			date, err := time.Parse("Jan _2 15:04:05 2006 -0700", m[1]+m[2])
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			mails = append(mails, Mail{date: date.Format(`"_2-Jan-2006 15:04:05 -0700"`)})
		case i == 0:
			return nil, fmt.Errorf("not a mailbox file: %.40q", row)
		default:
			mails[len(mails)-1].text += row + "\r\n"
		}
	}
	return mails, nil
}
