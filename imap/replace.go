package imap

import "sealpost/mailstore"

// replace is REPLACE (RFC 8508): a mail comes, and in the same moment another
// one goes.
func (s *session) replace(r *request) error {
	wrong := bad("expected REPLACE number mailbox [(flags)] [date] literal")
	set, ok := r.Args.Set()
	if !ok || len(set.Ranges) != 1 || set.Ranges[0].Start != set.Ranges[0].Stop || !r.Args.Space() {
		return wrong
	}
	args, ok := parseAppend(r.Args, r.Mail, s.wire.UTF8)
	if !ok {
		return wrong
	}
	if err := s.writable(); err != nil {
		return err
	}
	old := s.box.uids(s.find(set, r.UID))
	if len(old) == 0 {
		return no("NONEXISTENT", "no such message")
	}
	if err := s.accept(&args, r.Mail.Size); err != nil {
		return err
	}
	box, err := s.target(args.box)
	if err != nil {
		return s.fault("replace", err)
	}
	args.box = box.Name
	drafts, err := s.takeMails(r, args)
	defer closeDrafts(drafts)
	if err != nil {
		return s.fault("take a mail", err)
	}
	e, err := s.file(drafts, mailstore.Place{Box: s.box.id, UID: old[0]})
	if err != nil {
		return s.fault("replace", err)
	}
	s.put(e)
	s.wire.Str("* OK [" + appended(e) + "] it has come\r\n")
	r.went = true
	return nil
}
