package imap

import (
	"slices"
	"strings"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// storeArgs is what a STORE asks for.
type storeArgs struct {
	op     mailstore.FlagOp
	silent bool
	flags  []string

	conditional bool // UNCHANGEDSINCE (RFC 7162, section 3.1.3)
	unless      mailstore.Modseq
}

// store is STORE (RFC 9051, section 6.4.6).
func (s *session) store(r *request) error {
	spans, err := s.places(&r.Args, r.UID)
	if err != nil {
		return err
	}
	args, ok := parseStore(&r.Args)
	if !ok {
		return bad("expected STORE set [+-]FLAGS[.SILENT] (flags)")
	}
	if args.conditional {
		s.followModseqs()
	}
	if err := s.writable(); err != nil {
		return err
	}
	if args.flags, err = mailstore.CleanFlags(args.flags); err != nil {
		return s.fault("store", err)
	}
	uids := s.box.uids(spans)
	if len(uids) == 0 {
		return nil
	}
	expected, err := s.box.expect(spans, args)
	if err != nil {
		return s.fault("store", err)
	}
	e := mailstore.Event{Failed: uids} // UNCHANGEDSINCE 0 holds for no message
	if !args.conditional || args.unless > 0 {
		change := mailstore.SetFlags{Box: s.box.id, UIDs: uids, Op: args.op, Flags: args.flags, Unless: args.unless}
		if e, err = s.apply(change); err != nil {
			return s.fault("store", err)
		}
	}
	slices.Sort(e.UIDs)
	slices.Sort(e.Failed)
	s.stored(spans, args, e, expected)
	r.code = s.modified(e.Failed, r.UID)
	return s.fault("store", s.box.failed())
}

// modified names the messages that had changed before (RFC 7162, section 3.1.3).
func (s *session) modified(failed []mailstore.UID, byUID bool) string {
	if len(failed) == 0 {
		return ""
	}
	if byUID {
		return "MODIFIED " + uidSet(failed)
	}
	var b strings.Builder
	wire.WriteRuns(&b, len(failed), func(i int) uint32 {
		at, _ := s.box.find(failed[i])
		return uint32(at + 1)
	})
	return "MODIFIED " + b.String()
}

// expect is what a client that does not want to be told will take for the flags: its
// own change of what it knows. Where others changed them since, it is to be told.
func (v *view) expect(spans []span, args storeArgs) (map[mailstore.UID]told, error) {
	if !args.silent {
		return nil, nil
	}
	expected := map[mailstore.UID]told{}
	for line, err := range v.list(v.chosen(spans)) {
		if err != nil {
			return nil, err
		}
		if line.Modseq <= v.since {
			expected[line.UID] = told{v.flags.after(v.flags.again(line.Flags), args.op, args.flags).sum, line.Modseq}
		}
	}
	return expected, nil
}

// stored tells what came of a STORE: the flags as they are now, or to a client that
// does not want them the MODSEQs alone, if it follows those.
func (s *session) stored(spans []span, args storeArgs, e mailstore.Event, expected map[mailstore.UID]told) {
	v := s.box
	v.forget()
	for at := range each(spans) {
		uid := v.uid(at)
		if _, failed := slices.BinarySearch(e.Failed, uid); failed {
			continue
		}
		if !args.silent {
			s.storedAloud(at)
			continue
		}
		what, known := expected[uid]
		_, changed := slices.BinarySearch(e.UIDs, uid)
		if changed {
			what.modseq = e.Modseq
		}
		if known {
			v.believe(uid, what)
		}
		if changed && s.enabled.condstore { // even so (RFC 7162, section 3.1.3)
			s.newKeywords()
			r := row{uid: uid, modseq: e.Modseq}
			s.wire.Str(s.head(at, r, true))
			s.writeModseq(r)
			s.wire.Str(")\r\n")
		}
	}
	s.newKeywords()
}

func (s *session) storedAloud(at int) {
	if r := s.box.at(at); !r.gone {
		s.newKeywords()
		s.box.believe(r.uid, told{r.flags.sum, r.modseq})
		s.writeFlags(at)
	}
}

// newKeywords tells the flags of the mailbox if there are some the client was not
// told of.
func (s *session) newKeywords() {
	if v := s.box; v.flags.keywords > v.spoken {
		v.spoken = v.flags.keywords
		s.writeKeywords()
	}
}

// storeOps are the data items of STORE.
var storeOps = map[string]mailstore.FlagOp{
	"FLAGS":  mailstore.Replace,
	"+FLAGS": mailstore.Add,
	"-FLAGS": mailstore.Clear,
}

func parseStore(p *wire.Parser) (a storeArgs, ok bool) {
	if !p.Space() {
		return a, false
	}
	if p.Special("(") {
		a.conditional = p.Fold("UNCHANGEDSINCE") && p.Space()
		n, known := p.Number()
		a.unless = mailstore.Modseq(n)
		if !a.conditional || !known || !p.Special(") ") {
			return a, false
		}
	}
	word, _ := p.Word()
	word, a.silent = strings.CutSuffix(word, ".SILENT")
	if a.op, ok = storeOps[word]; !ok || !p.Space() {
		return a, false
	}
	if a.flags, ok = p.Flags(); !ok {
		a.flags, ok = bareFlags(p)
	}
	return a, ok && p.End()
}

// bareFlags reads flags without their parentheses.
func bareFlags(p *wire.Parser) (flags []string, ok bool) {
	for {
		f, ok := p.Flag()
		if !ok {
			return nil, false
		}
		if f != `\Recent` {
			flags = append(flags, f)
		}
		if !p.Space() {
			return flags, true
		}
	}
}
