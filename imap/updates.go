package imap

import (
	"errors"
	"fmt"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

// lookAgain is how long a view is believed without a wake-up: across nodes
// these are hints that may be lost.
const lookAgain = 15 * time.Second

// tell brings the selected mailbox up to date and writes what is new to the
// client. expunge says whether message numbers may change at this moment;
// if not, expunges wait for one at which they may.
func (s *session) tell(expunge bool) error {
	v := s.box
	if v == nil || v.dead && len(v.gone) == 0 {
		return nil
	}
	n, err := s.look()
	if errors.Is(err, mailstore.ErrNoOwner) {
		s.wire.dismiss("this account is gone")
		return errOver
	}
	if err != nil {
		return s.fault("read changes", err)
	}
	if n.keywords {
		s.writeFlagList("* FLAGS (", v.flags.all(), ")\r\n")
	}
	if expunge {
		for _, number := range v.drop() {
			fmt.Fprintf(s.wire, "* %d EXPUNGE\r\n", number)
		}
	}
	if n.added > 0 {
		fmt.Fprintf(s.wire, "* %d EXISTS\r\n", len(v.rows))
	}
	for _, uid := range n.flagged {
		if at, ok := v.find(uid); ok {
			s.writeFlagList(fmt.Sprintf("* %d FETCH (UID %d FLAGS (", at+1, uid), v.flags.of(v.rows[at]), "))\r\n")
		}
	}
	return nil
}

// look reads the index if there is a reason to: a wake-up, or time gone by.
func (s *session) look() (news, error) {
	v := s.box
	select {
	case <-v.woken: // before reading, so that what comes meanwhile wakes again
	default:
		if time.Since(v.looked) < lookAgain {
			return news{}, nil
		}
	}
	v.looked = time.Now()
	n, err := v.read(s.ctx, s.server.Store, s.owner)
	if err != nil {
		v.looked = time.Time{} // the wake-up was not used
	}
	return n, err
}

func (s *session) writeFlagList(before string, flags []goimap.Flag, behind string) {
	var b strings.Builder
	b.WriteString(before)
	for i, f := range flags {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(f))
	}
	b.WriteString(behind)
	s.wire.WriteString(b.String())
}
