package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/mailstore"
)

var (
	// ErrBusy says that an owner could not go to the other end now: writes were under way for too long, or one
	// ended nobody knows how. It may be tried again.
	ErrBusy = errors.New("the account is being written")
	// ErrStuck says that it cannot be found out at which end an owner is served. Nobody writes there any
	// more: the process is to end, and the next one reads it in the journal.
	ErrStuck = errors.New("it is not known at which end an account is served")
)

// doubtful is for how long a write that failed without an answer may still land.
const doubtful = time.Minute

// gate is what writes of one owner pass.
type gate struct {
	writers int           // that are inside
	shut    chan struct{} // closed when it opens; nil: it is open
	idle    chan struct{} // closed when the last writer has left; nil: nobody waits for that
}

func (r *Router) gate(o mailstore.Owner) *gate {
	g := r.gates[o]
	if g == nil {
		g = &gate{}
		r.gates[o] = g
	}
	return g
}

// enter waits until the gate is open, and says where the owner is written until leave.
func (r *Router) enter(ctx context.Context, o mailstore.Owner) (Side, error) {
	for {
		r.mu.Lock()
		g := r.gate(o)
		if g.shut == nil {
			g.writers++
			s := r.at(o)
			r.mu.Unlock()
			return s, nil
		}
		opens := g.shut
		r.mu.Unlock()
		select {
		case <-opens:
		case <-ctx.Done():
			return From, ctx.Err()
		}
	}
}

func (r *Router) leave(o mailstore.Owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.gates[o]
	if g.writers--; g.writers > 0 {
		return
	}
	if g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
	r.forget(o, g)
}

// forget has no gate stand that nobody needs.
func (r *Router) forget(o mailstore.Owner, g *gate) {
	if g.writers == 0 && g.shut == nil {
		delete(r.gates, o)
	}
}

// write does one write of an owner, at the end where the owner is. refused says whether an error means
// that nothing was written.
func (r *Router) write(ctx context.Context, o mailstore.Owner, refused func(error) bool, do func(Side) error) error {
	s, err := r.enter(ctx, o)
	if err != nil {
		return err
	}
	defer r.leave(o)
	err = do(s)
	if err != nil && !refused(err) {
		r.mu.Lock()
		r.doubt[o] = time.Now().Add(doubtful)
		r.mu.Unlock()
	}
	return err
}

// shutGate keeps new writes waiting, and waits for those under way.
func (r *Router) shutGate(ctx context.Context, o mailstore.Owner) error {
	r.mu.Lock()
	if until, in := r.doubt[o]; in {
		if time.Now().Before(until) {
			r.mu.Unlock()
			return ErrBusy
		}
		delete(r.doubt, o)
	}
	g := r.gate(o)
	if g.shut != nil {
		r.mu.Unlock()
		return ErrBusy
	}
	g.shut = make(chan struct{})
	if g.writers == 0 {
		r.mu.Unlock()
		return nil
	}
	g.idle = make(chan struct{})
	idle := g.idle
	r.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
		r.openGate(o, r.At(o))
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	r.mu.Lock()
	_, in := r.doubt[o]
	r.mu.Unlock()
	if in { // what was under way ended so
		r.openGate(o, r.At(o))
		return ErrBusy
	}
	return nil
}

// IsRead says whether somebody still reads an owner at an end. Before he goes back to one where he was, nobody
// may: what was left there is written over.
func (r *Router) IsRead(o mailstore.Owner, at Side) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readers[reader{o, at}] > 0
}

// openGate lets writes go on, at that end.
func (r *Router) openGate(o mailstore.Owner, at Side) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at == To {
		r.there[o] = true
	} else {
		delete(r.there, o)
	}
	g := r.gates[o]
	close(g.shut)
	g.shut, g.idle = nil, nil
	r.forget(o, g)
}

// Flip has an owner served at another end: while nobody writes, bring carries what is left to carry, and
// settle makes durable that the owner is served there, or says that he is not. What cannot be brought within most
// leaves the owner where he is. It says for how long the gate was shut. After ErrStuck it stays shut.
func (r *Router) Flip(ctx context.Context, o mailstore.Owner, to Side, most time.Duration, bring func(context.Context) error, settle func(context.Context) (bool, error)) (shut time.Duration, err error) {
	begun := time.Now()
	timed, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := r.shutGate(timed, o); err != nil {
		return time.Since(begun), err
	}
	if r.IsRead(o, to) {
		r.openGate(o, to.other())
		return time.Since(begun), fmt.Errorf("%w: it is still read where it was before", ErrBusy)
	}
	if err := bring(timed); err != nil {
		r.openGate(o, to.other())
		if timed.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrBusy, err)
		}
		return time.Since(begun), err
	}
	served, err := settle(context.WithoutCancel(ctx))
	if err != nil {
		return time.Since(begun), fmt.Errorf("%w: %w", ErrStuck, err)
	}
	if !served {
		r.openGate(o, to.other())
		return time.Since(begun), errors.New("that the account is served at the other end could not be made durable")
	}
	r.openGate(o, to)
	return time.Since(begun), nil
}
