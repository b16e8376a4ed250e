package imap

import (
	"context"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

// Select is SELECT and EXAMINE (RFC 9051, sections 6.3.2 and 6.3.3).
func (s *session) Select(name string, o *goimap.SelectOptions) (*goimap.SelectData, error) {
	box, err := s.mailbox(name)
	if err != nil {
		return nil, s.fault("select", err)
	}
	v := &view{id: box.ID, valid: box.UIDValidity, readOnly: o.ReadOnly, since: box.Modseq}
	v.woken, v.sleep = s.server.Store.Bus.Subscribe(string(s.owner))
	v.looked = time.Now()
	if err := v.fill(s.ctx, s.server.Store, s.owner, box.Messages); err != nil {
		v.sleep()
		return nil, s.fault("select", err)
	}
	s.box = v // imapserver has called Unselect before
	data := &goimap.SelectData{
		Flags:             v.flags.all(),
		PermanentFlags:    append(v.flags.all(), goimap.FlagWildcard),
		NumMessages:       uint32(len(v.rows)),
		FirstUnseenSeqNum: v.firstUnseen(),
		UIDNext:           goimap.UID(max(box.UIDNext, v.next())),
		UIDValidity:       box.UIDValidity,
	}
	if o.ReadOnly {
		data.PermanentFlags = []goimap.Flag{}
	}
	if s.conn.EnabledCaps().Has(goimap.CapIMAP4rev2) {
		data.List = &goimap.ListData{Delim: delimiter, Mailbox: box.Name}
	}
	return data, nil
}

// fill reads the whole mailbox for the first time.
func (v *view) fill(ctx context.Context, s *mailstore.Store, o mailstore.Owner, expected uint32) error {
	v.rows = make([]row, 0, expected)
	var n news
	for e, err := range s.Index.Entries(ctx, o, v.id, 0) {
		if err != nil {
			return err
		}
		v.take(e, &n)
	}
	return nil
}

// next is the lowest UID that a message to come may have, as far as seen.
func (v *view) next() mailstore.UID {
	if len(v.rows) == 0 {
		return 1
	}
	return v.rows[len(v.rows)-1].uid + 1
}

func (v *view) firstUnseen() uint32 {
	for i, r := range v.rows {
		if !v.flags.has(r, mailstore.Seen) {
			return uint32(i + 1)
		}
	}
	return 0
}

// Unselect is UNSELECT and the end of CLOSE.
func (s *session) Unselect() error {
	s.deselect()
	return nil
}

func (s *session) deselect() {
	if s.box != nil {
		s.box.sleep()
	}
	s.box, s.saved = nil, nil
}
