package api

import (
	"context"
	"net/http"
	"slices"

	"sealpost/mailstore"
	"sealpost/pgp"
)

// Change is one wish; which of its fields count is said by op.
type Change struct {
	Op      string   `json:"op" enum:"flags,move,copy,expunge,shed,create,rename,remove,subscribe"`
	Mailbox uint64   `json:"mailbox,omitempty" doc:"flags, move, copy, expunge, shed"`
	To      uint64   `json:"to,omitempty" doc:"move, copy"`
	UIDs    []uint32 `json:"uids,omitempty" nullable:"false" maxItems:"20000" doc:"of messages; those that are not there are passed over"`
	Add     []string `json:"add,omitempty" nullable:"false" maxItems:"80" doc:"flags"`
	Remove  []string `json:"remove,omitempty" nullable:"false" maxItems:"80" doc:"flags"`
	Set     []string `json:"set,omitempty" nullable:"false" maxItems:"80" doc:"flags: these and no others; alone"`
	Unless  uint64   `json:"unless,omitempty" doc:"flags: not of messages past this modseq; with one of add, remove, set"`
	Letters []string `json:"letters,omitempty" nullable:"false" maxItems:"2" enum:"card,terms" doc:"shed: folded into pages and segments"`
	Name    string   `json:"name,omitempty" maxLength:"1024" doc:"create, rename (the new one), remove, subscribe"`
	Use     string   `json:"use,omitempty" maxLength:"64" doc:"create"`
	From    string   `json:"from,omitempty" maxLength:"1024" doc:"rename: the old name"`
	On      bool     `json:"on,omitempty" doc:"subscribe"`
}

// Changes are done all or none.
type Changes struct {
	Changes []Change `json:"changes" nullable:"false" minItems:"1" maxItems:"1000"`
}

// ChangeEvents are what changes did, one for each.
type ChangeEvents struct {
	Events []ChangeEvent `json:"events" nullable:"false"`
}

// ChangeEvent is what one change did.
type ChangeEvent struct {
	Mailbox uint64   `json:"mailbox" doc:"the mailbox changed; of move and copy the target"`
	UIDs    []uint32 `json:"uids" nullable:"false" doc:"changed, removed or made"`
	Sources []uint32 `json:"sources" nullable:"false" doc:"move and copy: where uids came from"`
	Failed  []uint32 `json:"failed" nullable:"false" doc:"flags: past unless"`
	Modseq  uint64   `json:"modseq" doc:"of this change; 0: nothing changed"`
}

const (
	mostTouched = 20_000 // messages by one request
	changesBody = 1 << 20
)

func changes(s service) {
	route(s, op{
		name: "changes", method: http.MethodPost, path: "/changes", tag: tagMail, access: forAccount, body: changesBody,
		about: "Changes messages and mailboxes, all or none. At most 20,000 messages in all.",
	}, func(ctx context.Context, in *struct{ Body Changes }) (*body[ChangeEvents], error) {
		wishes, counts, err := wishesOf(in.Body.Changes)
		if err != nil {
			return nil, err
		}
		events, err := s.Store.Apply(ctx, owner(ctx), wishes...)
		if err != nil {
			return nil, err
		}
		out := ChangeEvents{Events: make([]ChangeEvent, len(counts))}
		for i, n := range counts {
			out.Events[i] = merged(events[:n])
			events = events[n:]
		}
		return &body[ChangeEvents]{out}, nil
	})
}

// wishesOf turns changes into those of mailstore, and says how many each became.
func wishesOf(changes []Change) (wishes []mailstore.Change, counts []int, err error) {
	touched := 0
	for i, c := range changes {
		if touched += len(c.UIDs); touched > mostTouched {
			return nil, nil, badInput("expected at most %d messages in all", mostTouched)
		}
		some, ok := c.wishes()
		if !ok {
			return nil, nil, badInput("changes[%d]: op %q does not go with these fields", i, c.Op)
		}
		wishes, counts = append(wishes, some...), append(counts, len(some))
	}
	return wishes, counts, nil
}

func (c Change) wishes() (wishes []mailstore.Change, ok bool) {
	box, uids := mailstore.MailboxID(c.Mailbox), make([]mailstore.UID, len(c.UIDs)) // never nil, which would be all
	for i, u := range c.UIDs {
		uids[i] = mailstore.UID(u)
	}
	one := func(w mailstore.Change) ([]mailstore.Change, bool) { return []mailstore.Change{w}, true }
	switch c.Op {
	case "flags":
		return c.flags(box, uids)
	case "move":
		return one(mailstore.Move{From: box, To: mailstore.MailboxID(c.To), UIDs: uids})
	case "copy":
		return one(mailstore.Copy{From: box, To: mailstore.MailboxID(c.To), UIDs: uids})
	case "expunge":
		return one(mailstore.Expunge{Box: box, UIDs: uids})
	case "shed":
		var kinds []pgp.Kind
		for _, l := range c.Letters {
			kinds = append(kinds, map[string]pgp.Kind{"card": pgp.KindCard, "terms": pgp.KindTerms}[l])
		}
		return []mailstore.Change{mailstore.Shed{Box: box, UIDs: uids, Kinds: kinds}}, len(kinds) > 0
	case "create":
		return one(mailstore.Create{Name: c.Name, Use: c.Use})
	case "rename":
		return one(mailstore.Rename{From: c.From, To: c.Name})
	case "remove":
		return one(mailstore.Remove{Name: c.Name})
	case "subscribe":
		return one(mailstore.Subscribe{Name: c.Name, On: c.On})
	}
	return nil, false
}

func (c Change) flags(box mailstore.MailboxID, uids []mailstore.UID) (wishes []mailstore.Change, ok bool) {
	for _, w := range []struct {
		op    mailstore.FlagOp
		flags []string
		asked bool
	}{{mailstore.Replace, c.Set, c.Set != nil}, {mailstore.Add, c.Add, len(c.Add) > 0}, {mailstore.Clear, c.Remove, len(c.Remove) > 0}} {
		if w.asked {
			wishes = append(wishes, mailstore.SetFlags{Box: box, UIDs: uids, Op: w.op, Flags: w.flags, Unless: mailstore.Modseq(c.Unless)})
		}
	}
	// The first of two would move messages past unless for the second.
	return wishes, len(wishes) == 1 || len(wishes) == 2 && c.Set == nil && c.Unless == 0
}

// merged is what the parts of one change did.
func merged(events []mailstore.Event) ChangeEvent {
	out := ChangeEvent{UIDs: []uint32{}, Sources: []uint32{}, Failed: []uint32{}}
	for _, e := range events {
		out.Mailbox, out.Modseq = uint64(e.Box), max(out.Modseq, uint64(e.Modseq))
		for _, u := range e.UIDs {
			out.UIDs = append(out.UIDs, uint32(u))
		}
		for _, u := range e.Sources {
			out.Sources = append(out.Sources, uint32(u))
		}
		for _, u := range e.Failed {
			out.Failed = append(out.Failed, uint32(u))
		}
	}
	if len(events) > 1 {
		slices.Sort(out.UIDs)
		out.UIDs = slices.Compact(out.UIDs)
	}
	return out
}
