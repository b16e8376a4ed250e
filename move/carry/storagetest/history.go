package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/move/carry"
	"sealpost/pgp"
)

// history is what an owner's clients do at one end, by chance. What is refused changes nothing.
type history struct {
	*carry.End
	o     mailstore.Owner
	dice  *rand.Rand
	files []drive.ID
}

func newHistory(x *carry.End, o mailstore.Owner, seed uint64) *history {
	return &history{End: x, o: o, dice: rand.New(rand.NewPCG(seed, 1))}
}

func one[V any](h *history, of []V) (v V) {
	if len(of) > 0 {
		v = of[h.dice.IntN(len(of))]
	}
	return v
}

// begin makes the owner, and some of everything.
func (h *history) begin(ctx context.Context) error {
	_, err := h.Index.Apply(ctx, h.o, []mailstore.Change{
		mailstore.SetQuota{Bytes: 1 << 40}, mailstore.Create{Name: "INBOX"}, mailstore.Create{Name: "Archive", Use: `\Archive`}, mailstore.Create{Name: "a/b"},
	})
	for range 60 {
		err = errors.Join(err, h.step(ctx))
	}
	return err
}

func refused(err error) bool {
	return mailstore.Refused(err) || cabinet.Refused(err) || drive.Refused(err)
}

// step is one call. What it frees is deleted, as stores do.
func (h *history) step(ctx context.Context) error {
	act := h.mail
	switch h.dice.IntN(6) {
	case 0:
		act = h.box
	case 1:
		act = h.file
	}
	freed, err := act(ctx)
	if refused(err) {
		return nil
	}
	if err == nil && len(freed) > 0 {
		err = h.Blobs.Delete(ctx, freed...)
	}
	return err
}

func (h *history) put(ctx context.Context, size int) filestore.Ref {
	octets := make([]byte, size)
	for i := range octets {
		octets[i] = byte(h.dice.Uint32())
	}
	refs, err := filestore.PutFor(ctx, h.Blobs, string(h.o), bytes.NewReader(octets))
	if err != nil {
		return filestore.Ref{Size: -1}
	}
	return refs[0]
}

func (h *history) letters(ctx context.Context, kinds ...pgp.Kind) (all []mailstore.Stored) {
	for _, k := range kinds {
		all = append(all, mailstore.Stored{Kind: k, Ref: h.put(ctx, 20+h.dice.IntN(60))})
	}
	return all
}

func (h *history) flags() (all []string) {
	for _, f := range []string{`\Seen`, `\Flagged`, `\Deleted`, "work", "Later", "x-1"} {
		if h.dice.IntN(3) == 0 {
			if h.dice.IntN(4) == 0 && f[0] != '\\' {
				f = string(bytes.ToUpper([]byte(f)))
			}
			all = append(all, f)
		}
	}
	return all
}

// some are a few of a mailbox.
func (h *history) some(ctx context.Context, b mailstore.MailboxID) (uids []mailstore.UID) {
	r, err := h.Index.Roster(ctx, h.o, b)
	if err != nil {
		return nil
	}
	for uid := range r.UIDs.All() {
		if h.dice.IntN(r.UIDs.Len()) < 4 {
			uids = append(uids, uid)
		}
	}
	return uids
}

func (h *history) mail(ctx context.Context) (freed []filestore.ID, err error) {
	boxes, err := h.Index.Mailboxes(ctx, h.o)
	if err != nil {
		return nil, err
	}
	box, other, name := one(h, boxes), one(h, boxes), fmt.Sprintf("n%d", h.dice.IntN(6))
	uids := h.some(ctx, box.ID)
	first := one(h, uids)
	var changes []mailstore.Change
	switch h.dice.IntN(14) {
	case 0, 1, 2, 3:
		for range 1 + h.dice.IntN(4) {
			m := mailstore.Mail{Outer: []byte("outer"), Envelope: []byte(name), Form: pgp.FormMIME, Class: pgp.SealedOnArrival}
			m.ID[0] = byte(h.dice.Uint32())
			m.Letters = h.letters(ctx, pgp.KindMessage, pgp.KindHeader, pgp.KindCard)
			changes = append(changes, mailstore.Append{Box: box.ID, Mail: m, Size: int64(h.dice.IntN(9000)), Flags: h.flags(), Received: time.Unix(int64(h.dice.IntN(1<<30)), 0)})
		}
	case 4, 5:
		changes = append(changes, mailstore.SetFlags{Box: box.ID, UIDs: uids, Op: mailstore.FlagOp(h.dice.IntN(3)), Flags: h.flags()})
	case 6:
		changes = append(changes, mailstore.Copy{From: box.ID, To: other.ID, UIDs: uids})
	case 7, 8:
		changes = append(changes, mailstore.Move{From: box.ID, To: other.ID, UIDs: uids})
	case 9:
		changes = append(changes, mailstore.Expunge{Box: box.ID, OnlyDeleted: h.dice.IntN(3) > 0})
	case 10:
		changes = append(changes, mailstore.PutLetters{Box: box.ID, UID: first, Letters: h.letters(ctx, pgp.KindCard)},
			mailstore.Shed{Box: other.ID, UIDs: h.some(ctx, other.ID), Kinds: []pgp.Kind{pgp.KindCard}})
	case 11:
		changes = append(changes, mailstore.Reseal{Box: box.ID, UID: first, Size: 5, Letters: h.letters(ctx, pgp.KindMessage)})
	case 12:
		changes = append(changes, one(h, []mailstore.Change{
			mailstore.Create{Name: name}, mailstore.Create{Name: name + "/x"}, mailstore.Rename{From: box.Name, To: name + "/y"}, mailstore.Rename{From: box.Name, To: name},
			mailstore.Remove{Name: other.Name},
		}))
	case 13:
		was, err := h.Index.Note(ctx, h.o, box.ID)
		if err != nil {
			return nil, err
		}
		own, err := h.Index.Note(ctx, h.o, 0)
		if err != nil {
			return nil, err
		}
		changes = append(changes, one(h, []mailstore.Change{
			mailstore.Note{Box: box.ID, Was: was, Now: []byte(name)}, mailstore.Note{Was: own, Now: []byte(name)}, mailstore.Note{Box: box.ID, Was: was},
			mailstore.Subscribe{Name: name, On: true}, mailstore.Subscribe{Name: name}, mailstore.SetQuota{Bytes: 1<<40 + int64(h.dice.IntN(100))},
		}))
	}
	events, err := h.Index.Apply(ctx, h.o, changes)
	for _, e := range events {
		freed = append(freed, e.Freed...)
	}
	return freed, err
}

func (h *history) box(ctx context.Context) (freed []filestore.ID, err error) {
	place := cabinet.Place{Drawer: one(h, []string{"drafts", "settings"}), Name: fmt.Sprintf("b%d", h.dice.IntN(12))}
	was, err := h.Cabinet.Box(ctx, h.o, place)
	if err != nil && !errors.Is(err, cabinet.ErrNoBox) {
		return nil, err
	}
	w := cabinet.Wish{Place: place, Was: was.Version}
	if h.dice.IntN(3) > 0 {
		ref := h.put(ctx, 97)
		w.Blob = &ref
	}
	_, freed, err = h.Cabinet.Apply(ctx, h.o, w)
	return freed, err
}

func (h *history) file(ctx context.Context) (freed []filestore.ID, err error) {
	if len(h.files) == 0 {
		h.files = append(h.files, drive.NewID())
	}
	o, id := drive.Owner(h.o), one(h, h.files)
	links, err := h.Drive.Links(ctx, o)
	if err != nil {
		return nil, err
	}
	requests, err := h.Drive.Requests(ctx, o)
	if err != nil {
		return nil, err
	}
	link, request, later := one(h, links), one(h, requests), time.Now().Add(time.Duration(1+h.dice.IntN(100))*time.Hour)
	part := func() drive.Part {
		return drive.Part{Sum: [32]byte{byte(h.dice.Uint32())}, Blob: h.put(ctx, 300)}
	}
	var w drive.Wish
	switch h.dice.IntN(14) {
	case 0, 1:
		fresh := drive.NewID()
		h.files = append(h.files, fresh)
		w = drive.Begin{ID: fresh, Size: 300, Request: one(h, []drive.ID{{}, {}, request.ID})}
	case 2, 3:
		f, _ := h.Drive.Object(ctx, o, id)
		w = drive.Put{Object: id, Request: f.Request, Part: part()}
	case 4:
		f, _ := h.Drive.Object(ctx, o, id)
		w = drive.Complete{Object: id, Request: f.Request, Head: []byte{byte(h.dice.IntN(3))}}
	case 5, 6:
		fresh := drive.NewID()
		h.files = append(h.files, fresh)
		w = drive.Bring{Whole: []drive.Whole{{ID: fresh, Part: part()}}}
	case 7:
		w = drive.Bring{Whole: []drive.Whole{{ID: id, Part: part()}}} // perhaps one that was removed
	case 8:
		w = one(h, []drive.Wish{drive.Remove{Object: id}, drive.RemoveMany{Objects: []drive.ID{id}}})
	case 9:
		w = drive.Take{Object: id}
	case 10:
		w = drive.AddLink{Link: drive.Link{ID: drive.NewID(), Object: id, Box: []byte("box"), Expires: later}}
	case 11:
		w = drive.Download{Link: link.ID}
	case 12:
		w = one(h, []drive.Wish{drive.ChangeLink{ID: link.ID, Expires: &later}, drive.RemoveLink{ID: link.ID}, drive.RemoveRequest{ID: request.ID}})
	case 13:
		w = drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Box: []byte("box"), Expires: later, MostFiles: 50, MostBytes: 1 << 20}}
	}
	done, err := h.Drive.Apply(ctx, o, w)
	return done.Freed, err
}
