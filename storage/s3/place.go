package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/filestore/packs"
)

// place stores one object at as many endpoints as the rule asks, with different providers,
// and says at which. A copy that fails goes to the next endpoint that there is. Fewer than
// asked, but enough by the rule, are no error; then endpoints that are sick are not waited for.
func (b *Blobs) place(ctx context.Context, r *rule, key packs.Key, body []byte) ([]string, error) {
	p := &placing{rule: r, left: r.order(key), results: make(chan placed, len(r.allowed))}
	put := func(e *endpoint) {
		p.results <- placed{e, e.put(ctx, key, body)}
	}
	for p.more(put) {
		done := <-p.results
		p.flying = slices.DeleteFunc(p.flying, func(e *endpoint) bool { return e == done.at })
		if done.err != nil {
			p.errs = append(p.errs, done.err)
			continue
		}
		p.done = append(p.done, done.at)
	}
	if len(p.done) < r.Enough {
		return names(p.done), fmt.Errorf("store object: %w", errors.Join(append(p.errs, ctx.Err(), errFew)...))
	}
	if len(p.done) < r.Copies {
		b.o.Log.Warn("object has too few copies, which will be repaired", "object", key.String(), "copies", len(p.done), "error", errors.Join(p.errs...))
	}
	return names(p.done), nil
}

type placed struct {
	at  *endpoint
	err error
}

// placing is one object on its way to its endpoints.
type placing struct {
	rule    *rule
	left    []*endpoint // not tried, best first
	flying  []*endpoint
	done    []*endpoint
	errs    []error
	results chan placed
}

// more begins what may be begun and reports whether there is anything to wait for.
func (p *placing) more(put func(*endpoint)) bool {
	for len(p.done)+len(p.flying) < p.rule.Copies {
		i := slices.IndexFunc(p.left, p.fits)
		if i < 0 {
			break
		}
		e := p.left[i]
		p.left = slices.Delete(p.left, i, i+1)
		p.flying = append(p.flying, e)
		go put(e)
	}
	return len(p.flying) > 0
}

// fits says whether an endpoint may have the next copy: no other copy is with its provider,
// and it is well, or needed.
func (p *placing) fits(e *endpoint) bool {
	same := func(x *endpoint) bool { return x.Provider == e.Provider }
	if slices.ContainsFunc(p.done, same) || slices.ContainsFunc(p.flying, same) {
		return false
	}
	return e.health.well() || len(p.done)+len(p.flying) < p.rule.Enough
}

func names(list []*endpoint) (n []string) {
	for _, e := range list {
		n = append(n, e.Name)
	}
	return n
}

// object is what the index is told of an object that was stored at those endpoints.
func (b *Blobs) object(r *rule, key packs.Key, size, content int64, copies []string, made time.Time) packs.Object {
	return packs.Object{Key: key, Size: size, Content: content, Made: made, Rule: r.name, Copies: copies, Changed: made, Short: len(copies) < r.Copies}
}

// cleaning is how long we try to remove what no index knows; the sweep has what is left.
const cleaning = 10 * time.Second

// discard removes objects that are not in the index.
func (b *Blobs) discard(ctx context.Context, objects []packs.Object) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	for _, o := range objects {
		for _, name := range o.Copies {
			if err := b.endpoints[name].remove(ctx, o.Key); err != nil {
				b.o.Log.Info("object is left to the sweep", "object", o.Key.String(), "error", err)
			}
		}
	}
}
