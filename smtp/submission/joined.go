package submission

import (
	"bytes"
	"io"

	"sealpost/mail"
)

// join makes one text of pieces of memory and others, in their order.
func join(parts ...any) mail.Joined {
	var j mail.Joined
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			j = append(j, bytes.NewReader(p))
		case string:
			j = append(j, bytes.NewReader([]byte(p)))
		case mail.Joined:
			j = append(j, p...)
		case mail.Bytes:
			j = append(j, p)
		}
	}
	return j
}

// reader reads all of m from its start.
func reader(m mail.Bytes) *io.SectionReader { return io.NewSectionReader(m, 0, m.Size()) }
