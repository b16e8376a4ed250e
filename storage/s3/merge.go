package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// A pack is written anew, together with others, when less than half of it lives, when something
// in it is deleted for long, or when it is small: quiet hours make a pack for each mail. Its blobs get new places in one transaction,
// and the old pack stays for a grace, for a database that is put back to an earlier moment.
const (
	livingShare = 0.5
	mergeAfter  = time.Hour           // packs younger than that are left alone
	staleAfter  = 30 * 24 * time.Hour // and the grace, and what is deleted leaves even a pack that lives
	fewestSmall = 8                   // small ones at once
)

func (s *shift) merge(ctx context.Context) error {
	b := s.Blobs
	for range 100 { // what is left is for the next round
		loose, err := b.index.Loose(ctx, packs.Loose{
			Deleted: s.before(), Stale: s.before().Add(-staleAfter), Made: b.now().Add(-mergeAfter), Share: livingShare,
			Small: int64(b.o.Pack) / 2, Largest: wholeAtOnce, Limit: 1000,
		})
		if err != nil {
			return fmt.Errorf("look for packs to merge: %w", err)
		}
		group := choose(loose, int64(b.o.Pack))
		if len(group) == 0 {
			return nil
		}
		if err := s.mergeInto(ctx, group); err != nil {
			return fmt.Errorf("merge packs: %w", err)
		}
	}
	return nil
}

// choose takes packs of one rule whose living blobs make one pack of at most that size. Small
// ones alone are worth it when they are several and none is most of what they make: so a blob
// is written anew a few times at most while packs grow.
func choose(loose []packs.Living, pack int64) []packs.Living {
	rules := map[string][]packs.Living{}
	for _, l := range loose {
		rules[l.Rule] = append(rules[l.Rule], l)
	}
	for _, all := range rules {
		slices.SortStableFunc(all, func(x, y packs.Living) int { return cmp.Compare(weight(x), weight(y)) })
		var group []packs.Living
		total := int64(0)
		for _, l := range all {
			if total+weight(l) > pack && len(group) > 0 {
				break
			}
			group = append(group, l)
			total += weight(l)
		}
		for len(group) > 0 && !worthwhile(group, total) {
			total -= weight(group[len(group)-1])
			group = group[:len(group)-1]
		}
		if len(group) > 0 {
			return group
		}
	}
	return nil
}

// weight is how much of a new pack an old one may take: what lives in it, and around it.
func weight(l packs.Living) int64 { return l.Octets + l.Size - l.Content }

// worthwhile is about packs sorted by what lives in them.
func worthwhile(group []packs.Living, total int64) bool {
	due := func(l packs.Living) bool { return l.Stale || float64(l.Octets) < livingShare*float64(l.Content) }
	if slices.ContainsFunc(group, due) {
		return true
	}
	return len(group) >= fewestSmall && total >= 2*weight(group[len(group)-1])
}

// wholeAtOnce is the longest object that is held in memory as a whole; packs are shorter.
const wholeAtOnce = 20 << 20

// mergeInto writes what a group of packs holds, but for what was deleted long ago, as one.
func (s *shift) mergeInto(ctx context.Context, group []packs.Living) error {
	b := s.Blobs
	before := s.before()
	var frames []frame
	var from []packs.Key
	for _, l := range group {
		entries, err := b.index.Entries(ctx, l.Key)
		if err != nil {
			return err
		}
		entries = slices.DeleteFunc(entries, func(e packs.Entry) bool {
			return !e.Deleted.IsZero() && e.Deleted.Before(before)
		})
		more, err := s.frames(ctx, l.Object, entries)
		if errors.Is(err, filestore.ErrCorrupt) { // all copies are damaged: leave it as it is
			s.Log.Error("pack cannot be read from any copy", "object", l.Key.String(), "error", err)
			continue
		}
		if err != nil {
			return err
		}
		frames = append(frames, more...)
		from = append(from, l.Key)
	}
	if len(frames) == 0 {
		return nil
	}
	rule := b.ruleOf(group[0].Object)
	pack, entries, err := b.sendPack(ctx, rule, frames)
	if err != nil {
		return err
	}
	if err := b.index.Move(ctx, s.token, b.now(), before, from, pack, entries); err != nil {
		return err // the pack is an orphan now, and may be named if the answer was lost
	}
	s.done.merged += len(from)
	return nil
}

// ruleOf is the rule by which an object is to lie. One whose rule is gone lies as what has none.
func (b *Blobs) ruleOf(o packs.Object) *rule {
	if r := b.rules[o.Rule]; r != nil {
		return r
	}
	return b.rules[""]
}

// frames reads the frames of entries out of a pack, and checks every chunk.
func (s *shift) frames(ctx context.Context, o packs.Object, entries []packs.Entry) ([]frame, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	body := make([]byte, o.Size)
	err := s.Blobs.fetch(ctx, o, 0, body, func() error { return s.Blobs.check(body, entries) })
	if err != nil {
		return nil, err
	}
	list := make([]frame, len(entries))
	for i, e := range entries {
		list[i] = frame{e, slices.Clone(body[e.Off : e.Off+frameSize(e.Size)])} // and lets go of the dead
	}
	return list, nil
}

// check checks what entries say lies in an object.
func (b *Blobs) check(body []byte, entries []packs.Entry) error {
	for _, e := range entries {
		end := e.Off + frameSize(e.Size)
		if e.Off < 0 || end > int64(len(body)) || end < e.Off {
			return fmt.Errorf("blob %s lies outside of its object: %w", e.ID, filestore.ErrCorrupt)
		}
		tags := newTagger(b.store.Secret, e.ID)
		raw := body[e.Off : end-tailSize]
		for number := int64(0); len(raw) > 0; number++ {
			n := min(len(raw), chunkSize+tagSize)
			if _, err := tags.open(number, raw[:n]); err != nil {
				return err
			}
			raw = raw[n:]
		}
		if !tags.isTail(body[end-tailSize:end], e.Size) {
			return fmt.Errorf("tail of blob %s: %w", e.ID, filestore.ErrCorrupt)
		}
	}
	return nil
}
