package imap

import (
	"slices"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/mailstore"
)

// Store is STORE (RFC 9051, section 6.4.6).
func (s *session) Store(w *imapserver.FetchWriter, set goimap.NumSet, change *goimap.StoreFlags, _ *goimap.StoreOptions) error {
	if err := s.writable(); err != nil {
		return err
	}
	v, spans := s.box, s.places(set)
	op := flagOps[change.Op]
	flags, err := mailstore.CleanFlags(plainFlags(change.Flags))
	if err != nil {
		return s.fault("store", err)
	}
	uids := v.uids(spans)
	if len(uids) == 0 {
		return nil
	}
	if _, err := s.apply(mailstore.SetFlags{Box: v.id, UIDs: uids, Op: op, Flags: flags}); err != nil {
		return s.fault("store", err)
	}
	// What the client now believes of the flags is in the view, so that the look
	// that follows every command tells only what came out otherwise.
	known := v.flags.keywords
	for at := range each(spans) {
		v.rows[at].flags = v.flags.after(v.rows[at], op, flags)
		if v.flags.keywords > known {
			known = v.flags.keywords
			s.writeFlagList("* FLAGS (", v.flags.all(), ")\r\n")
		}
		if change.Silent {
			continue
		}
		m := w.CreateMessage(uint32(at + 1))
		m.WriteUID(goimap.UID(v.rows[at].uid))
		m.WriteFlags(v.flags.of(v.rows[at]))
		if err := m.Close(); err != nil {
			return err
		}
	}
	return nil
}

var flagOps = map[goimap.StoreFlagsOp]mailstore.FlagOp{
	goimap.StoreFlagsSet: mailstore.Replace,
	goimap.StoreFlagsAdd: mailstore.Add,
	goimap.StoreFlagsDel: mailstore.Clear,
}

// plainFlags turns flags into mailstore's. \Recent, which old clients send back
// although it is the server's, is left out.
func plainFlags(flags []goimap.Flag) []string {
	plain := make([]string, 0, len(flags))
	for _, f := range flags {
		if f != `\Recent` {
			plain = append(plain, string(f))
		}
	}
	return slices.Clip(plain)
}

// each yields the places of spans.
func each(spans []span) func(func(int) bool) {
	return func(yield func(int) bool) {
		for _, s := range spans {
			for at := s.lo; at < s.hi; at++ {
				if !yield(at) {
					return
				}
			}
		}
	}
}
