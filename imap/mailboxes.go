package imap

import (
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

// Create is CREATE (RFC 9051, section 6.3.4) with CREATE-SPECIAL-USE (RFC 6154).
func (s *session) Create(name string, o *goimap.CreateOptions) error {
	if len(o.SpecialUse) > 1 {
		return no("USEATTR", "a mailbox has one special use here")
	}
	if strings.ContainsAny(name, "*%") {
		return s.fault("create", mailstore.ErrName)
	}
	use := ""
	if len(o.SpecialUse) == 1 {
		use = string(o.SpecialUse[0])
	}
	_, err := s.apply(mailstore.Create{Name: name, Use: use})
	return s.fault("create", err)
}

// Delete is DELETE. What has mailboxes below it stays: they would lose the
// name they are listed under.
func (s *session) Delete(name string) error {
	box, err := s.mailbox(name)
	if err != nil {
		return s.fault("delete", err)
	}
	boxes, err := s.server.Store.Index.Mailboxes(s.ctx, s.owner)
	if err != nil {
		return s.fault("delete", err)
	}
	for _, b := range boxes {
		if strings.HasPrefix(b.Name, box.Name+string(delimiter)) {
			return no(goimap.ResponseCodeHasChildren, "delete the mailboxes below it first")
		}
	}
	_, err = s.apply(mailstore.Remove{Name: name})
	return s.fault("delete", err)
}

// Rename is RENAME.
func (s *session) Rename(from, to string, _ *goimap.RenameOptions) error {
	if strings.ContainsAny(to, "*%") {
		return s.fault("rename", mailstore.ErrName)
	}
	_, err := s.apply(mailstore.Rename{From: from, To: to})
	return s.fault("rename", err)
}

func (s *session) Subscribe(name string) error { return s.subscribe(name, true) }

func (s *session) Unsubscribe(name string) error { return s.subscribe(name, false) }

func (s *session) subscribe(name string, on bool) error {
	_, err := s.apply(mailstore.Subscribe{Name: strings.TrimSuffix(name, string(delimiter)), On: on})
	return s.fault("subscribe", err)
}
