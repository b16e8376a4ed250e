package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sealpost/mailstore"
	"sealpost/pgp"
)

// Entries is a part of a mailbox as columns of one length: a list of 100,000 mails is
// read in one go, and names of fields would be most of it.
type Entries struct {
	Modseq   uint64     `json:"modseq" doc:"all up to here is told, but for what more promises; ask with it as since. Of a listing with after, that of its first part counts"`
	Complete bool       `json:"complete" doc:"false: since is so old that expunges were forgotten; ask again with 0"`
	More     bool       `json:"more" doc:"there is more: since 0: ask with after = the last uid, else with since = modseq"`
	UIDs     []uint32   `json:"uids" nullable:"false"`
	Modseqs  []uint64   `json:"modseqs" nullable:"false"`
	IDs      []string   `json:"ids" nullable:"false" doc:"of the mail, kept over copies and moves"`
	Received []int64    `json:"received" nullable:"false" doc:"seconds"`
	Sizes    []int64    `json:"sizes" nullable:"false" doc:"as IMAP serves it"`
	Flags    []int      `json:"flags" nullable:"false" doc:"index into flag_sets"`
	FlagSets [][]string `json:"flag_sets" nullable:"false"`
	Letters  []int      `json:"letters" nullable:"false" doc:"bits: 1 message, 2 header, 4 terms, 8 body, 16 card"`
	Classes  []int      `json:"classes" nullable:"false" doc:"0 unknown, 1 sealed on arrival, 2 end-to-end, 3 both"`
	Gone     []uint32   `json:"gone" nullable:"false" doc:"uids expunged since"`
}

type entriesAsked struct {
	InMailbox
	Since uint64 `query:"since" doc:"modseq: only what changed after it; 0: all"`
	After uint64 `query:"after" maximum:"4294967295" doc:"uid: of a listing of all, what comes behind it"`
	Limit int    `query:"limit" minimum:"1" maximum:"20000" default:"5000"`
}

func entries(s service) {
	route(s, op{
		name: "entries", method: http.MethodGet, path: "/mailboxes/{mailbox}/entries", tag: tagMail, access: forAccount, time: flowTime,
		about: "The messages of a mailbox, all or those that changed.",
	}, func(ctx context.Context, in *entriesAsked) (*body[Entries], error) {
		leave, err := s.gates.heavy.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		defer leave()
		b, err := s.box(ctx, in.Mailbox) // before its entries: what comes meanwhile is told again
		if err != nil {
			return nil, err
		}
		c := collector{numbers: map[string]int{}, out: Entries{
			Modseq: uint64(b.Modseq), Complete: in.Since == 0 || mailstore.Modseq(in.Since) >= b.Floor,
			UIDs: []uint32{}, FlagSets: [][]string{}, Gone: []uint32{},
		}}
		if err := c.read(s.Store.Index.Entries(ctx, owner(ctx), b.ID, mailstore.Modseq(in.Since)), in); err != nil {
			return nil, err
		}
		if err := c.fill(s.Store.Index.Mails(ctx, owner(ctx), b.ID, c.uids)); err != nil {
			return nil, err
		}
		return &body[Entries]{c.out}, nil
	})
}

// collector makes columns of entries and of their mails.
type collector struct {
	out     Entries
	rows    []mailstore.Entry
	uids    []mailstore.UID
	numbers map[string]int // of flag sets
}

// read takes entries up to the limit. Of changes the part ends where a modseq does,
// so that it can be gone on from there.
func (c *collector) read(all func(func(mailstore.Entry, error) bool), in *entriesAsked) error {
	last := mailstore.Modseq(0)
	taken := 0
	for e, err := range all {
		switch {
		case err != nil:
			return err
		case in.Since == 0 && uint64(e.UID) <= in.After:
			continue
		case taken >= in.Limit && (in.Since == 0 || e.Modseq != last):
			c.out.More = true
			if in.Since > 0 {
				c.out.Modseq = uint64(last)
			}
			return nil
		}
		taken++
		last = e.Modseq
		if e.Gone {
			c.out.Gone = append(c.out.Gone, uint32(e.UID))
			continue
		}
		c.rows, c.uids = append(c.rows, e), append(c.uids, e.UID)
	}
	return nil
}

// fill adds what mails know. One that is gone meanwhile is left out: it is among the
// changes that are asked for next.
func (c *collector) fill(mails func(func(mailstore.Mail, error) bool)) error {
	n := len(c.rows)
	c.out.UIDs, c.out.Modseqs, c.out.IDs = make([]uint32, 0, n), make([]uint64, 0, n), make([]string, 0, n)
	c.out.Received, c.out.Sizes, c.out.Flags = make([]int64, 0, n), make([]int64, 0, n), make([]int, 0, n)
	c.out.Letters, c.out.Classes = make([]int, 0, n), make([]int, 0, n)
	at := 0
	for m, err := range mails {
		if err != nil {
			return err
		}
		for at < n && c.rows[at].UID != m.UID {
			at++
		}
		if at == n {
			return fmt.Errorf("message %d came out of order", m.UID)
		}
		c.add(c.rows[at], m)
		at++
	}
	return nil
}

func (c *collector) add(e mailstore.Entry, m mailstore.Mail) {
	o := &c.out
	o.UIDs, o.Modseqs = append(o.UIDs, uint32(e.UID)), append(o.Modseqs, uint64(e.Modseq))
	o.IDs = append(o.IDs, hex.EncodeToString(m.ID[:]))
	o.Received, o.Sizes = append(o.Received, e.Received.Unix()), append(o.Sizes, e.Size)
	o.Flags = append(o.Flags, c.number(e.Flags))
	bits := 0
	for _, l := range m.Letters {
		bits |= 1 << (l.Kind - 1)
	}
	o.Letters = append(o.Letters, bits)
	o.Classes = append(o.Classes, max(0, slices.Index(classes(), m.Class)))
}

// number is the place of a set of flags in flag_sets.
func (c *collector) number(flags []string) int {
	key := strings.Join(flags, " ")
	n, known := c.numbers[key]
	if !known {
		n = len(c.out.FlagSets)
		c.numbers[key] = n
		c.out.FlagSets = append(c.out.FlagSets, append([]string{}, flags...))
	}
	return n
}

func classes() []pgp.Class { return []pgp.Class{"", pgp.SealedOnArrival, pgp.EndToEnd, pgp.Both} }
