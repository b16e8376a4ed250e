package imap

import "slices"

// cancelUpdate is CANCELUPDATE (RFC 5267, section 4.3.5).
func (s *session) cancelUpdate(r *request) error {
	p := &r.Args
	var tags []string
	for {
		tag, ok := p.Quoted()
		if !ok || s.liveAt(tag) < 0 {
			return bad("expected CANCELUPDATE \"tag\" ..., of searches that are kept up to date")
		}
		tags = append(tags, tag)
		if p.End() {
			break
		}
		if !p.Space() {
			return bad("expected CANCELUPDATE \"tag\" ...")
		}
	}
	s.live = slices.DeleteFunc(s.live, func(l *live) bool { return slices.Contains(tags, l.tag) })
	return nil
}
