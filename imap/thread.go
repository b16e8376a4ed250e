package imap

import (
	"sealpost/imap/order"
)

// algorithms are those of THREAD (RFC 5256, section 3).
var algorithms = map[string]func([]order.Message) ([]*order.Thread, error){
	"REFERENCES": order.References,
	"ORDEREDSUBJECT": func(m []order.Message) ([]*order.Thread, error) {
		return order.OrderedSubject(m), nil
	},
}

// threads puts the messages at some places into threads.
func (s *session) threads(found []int, byUID bool, by func([]order.Message) ([]*order.Thread, error)) ([]*order.Thread, error) {
	p := s.progress()
	defer p.end()
	messages, err := s.ordering(found, true, func(at int) uint32 { return s.named(at, byUID) }, p)
	if err != nil {
		return nil, err
	}
	threads, err := by(messages)
	if err != nil {
		return nil, no("LIMIT", "messages refer to each other in too many ways: narrow the search")
	}
	return threads, nil
}

// thread is THREAD and UID THREAD (RFC 5256), over what is visible: ids are, but at
// the strictest level as pseudonyms of the account's own, which thread as well;
// subjects are only where the account shows them.
func (s *session) thread(r *request) error {
	p := searchParser{Parser: r.Args, session: s, arguments: argumentKeys}
	word, _ := p.Word()
	by := algorithms[word]
	if by == nil || !p.Space() {
		return bad("expected THREAD algorithm charset keys, of algorithms that this server knows")
	}
	_, found, err := s.foundBy(&p, r)
	if err != nil {
		return err
	}
	threads, err := s.threads(found, r.UID, by)
	if err != nil {
		return s.fault("thread", err)
	}
	s.wire.Str("* THREAD")
	if len(threads) > 0 {
		s.wire.Mark(' ')
		s.wire.Write(order.Write(nil, threads))
	}
	s.wire.Line()
	return nil
}
