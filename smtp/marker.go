package smtp

import (
	"context"
	"log/slog"

	"sealpost/mail"
)

// A Marker gives what must not stand in a log, an address or a client's network, a
// mark that stands for it: the same one every time, and only who has the key can
// tell of what. nil: marks are empty.
type Marker func(name string) string

// Of is the mark of a name; nothing has none.
func (m Marker) Of(name string) string {
	if m == nil || name == "" {
		return ""
	}
	return m(name)
}

// maxMarks is of how many recipients a line tells.
const maxMarks = 10

// Tell logs, for who looks for one mail at level debug, the marks of its sender and of
// its recipients. At other levels a log holds no trace of who writes to whom.
func (m Marker) Tell(ctx context.Context, log *slog.Logger, what, id string, from *mail.Address, to ...mail.Address) {
	if m == nil || log == nil || !log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	sender, marks := "", []string{}
	if from != nil {
		sender = m.Of(from.Key())
	}
	for _, a := range to[:min(len(to), maxMarks)] {
		marks = append(marks, m.Of(a.Key()))
	}
	log.Debug("marks of a mail", "what", what, "id", id, "from", sender, "to", marks, "recipients", len(to))
}
