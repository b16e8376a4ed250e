package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
)

// ErrClosed says that nobody joins without an invitation.
var ErrClosed = errors.New("an invitation is needed")

// joinPaces bound how many accounts come from one place. A joining that succeeds
// costs as much as one that does not.
var joinPaces = account.Paces{
	Known:   account.Pace{Every: time.Minute, Burst: 30},
	Host:    account.Pace{Every: time.Minute, Burst: 30},
	Network: account.Pace{Every: 20 * time.Second, Burst: 60},
	Account: account.Pace{Every: time.Second, Burst: 200},
	Server:  account.Pace{Every: time.Second, Burst: 200},
}

// Joining is what a newcomer's client brings: all keys are made there.
type Joining struct {
	Token      string // of an invitation; empty: anybody may
	Open       bool   // anybody may
	Address    string
	ID         account.ID
	Cert       []byte
	ListKey    []byte
	Profile    pgp.Profile
	Salt       []byte
	KDF        KDF
	Proof      []byte
	KitProof   []byte
	Containers map[string][]byte
	Device     string
}

// Join opens an account, or gives one a sign-in, and signs in.
func (d *Desk) Join(ctx context.Context, c account.Caller, j Joining) (Entered, error) {
	d.start()
	if wait := d.newcomer.Allow(c.Host, "join"); wait > 0 {
		return Entered{}, account.ErrSlowDown
	}
	first, err := j.state(d.Now())
	if err != nil {
		return Entered{}, err
	}
	d.joining.Lock()
	defer d.joining.Unlock()
	var invitation Invitation
	var row *Invited
	switch {
	case j.Token != "":
		i, r, err := d.invited(ctx, j.Token)
		if err != nil {
			return Entered{}, err
		}
		invitation, row = i, &r
	case !j.Open:
		return Entered{}, ErrClosed
	}
	a, err := d.admit(ctx, j, first, invitation, row)
	if err != nil {
		return Entered{}, err
	}
	return d.enter(ctx, a, Line{How: ByJoining, Device: j.Device}, "")
}

// state is the newcomer's record, as far as its form can be checked.
func (j Joining) state(now time.Time) (*state, error) {
	if err := j.KDF.check(); err != nil {
		return nil, err
	}
	if len(j.Salt) != saltSize || len(j.Proof) != proofSize || len(j.KitProof) != proofSize {
		return nil, fmt.Errorf("%w: a salt of 16 bytes, proofs of 32", ErrForm)
	}
	if slices.Equal(j.Proof, j.KitProof) {
		return nil, fmt.Errorf("%w: two proofs that are one", ErrForm)
	}
	s := &state{id: j.ID, revision: 1, keys: keys{
		Proof: hashOf(j.Proof), KitProof: hashOf(j.KitProof), Version: 1, Salt: j.Salt, KDF: j.KDF, Containers: j.Containers, Created: now.UTC(),
	}}
	if len(j.Containers) > maxContainers {
		return nil, ErrTooMany
	}
	for name, c := range j.Containers {
		if err := checkContainer(name, c, 1); err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, passkeyName) {
			return nil, fmt.Errorf("%w: a container of no passkey", ErrForm)
		}
	}
	for _, name := range []string{passphraseName, kitName, "secret", "list"} {
		if j.Containers[name] == nil {
			return nil, fmt.Errorf("%w: without container %s", ErrForm, name)
		}
	}
	return s, nil
}

// admit stores the sign-in first: what a crash leaves then is a record of nobody, which
// Tidy removes, and never an account that nobody can enter. The invitation goes just
// before the account comes: it serves once.
func (d *Desk) admit(ctx context.Context, j Joining, s *state, i Invitation, row *Invited) (a account.Account, err error) {
	n, err := d.newcomerOf(ctx, j, i)
	if err != nil {
		return a, err
	}
	r, err := d.encode(s)
	if err != nil {
		return a, err
	}
	if err := d.Store.Put(ctx, r); errors.Is(err, ErrConflict) {
		return a, account.ErrTaken
	} else if err != nil {
		return a, fmt.Errorf("store sign-in: %w", err)
	}
	undo := func(err error) error {
		return errors.Join(err, d.Store.Delete(context.WithoutCancel(ctx), s.id))
	}
	if row != nil {
		if err := d.Store.Uninvite(ctx, row.Token); err != nil {
			return a, undo(err)
		}
		before := undo
		undo = func(err error) error {
			return errors.Join(before(err), d.Store.Invite(context.WithoutCancel(ctx), *row))
		}
	}
	if i.Attach {
		a, err = d.attach(ctx, j)
	} else {
		a, err = d.open(ctx, n)
	}
	if err != nil {
		return a, undo(err)
	}
	return a, nil
}

func (d *Desk) open(ctx context.Context, n account.New) (account.Account, error) {
	a, err := d.Book.Add(ctx, n)
	if err != nil {
		return a, err
	}
	if err := d.Welcome(ctx, a); err != nil {
		return a, errors.Join(fmt.Errorf("make mailboxes: %w", err), d.Book.Withdraw(context.WithoutCancel(ctx), a))
	}
	return a, nil
}

// attach leaves the account as it is, but for a list key of its owner's client.
func (d *Desk) attach(ctx context.Context, j Joining) (account.Account, error) {
	a, err := d.Book.Account(ctx, j.ID)
	if err != nil || len(j.ListKey) == 0 || slices.Equal(a.ListKey, j.ListKey) {
		return a, err
	}
	return d.Book.Set(ctx, j.ID, account.Settings{ListKey: j.ListKey})
}

// newcomerOf checks who wants to join as whom.
func (d *Desk) newcomerOf(ctx context.Context, j Joining, i Invitation) (n account.New, err error) {
	addr, err := mail.ParseAddress(j.Address)
	if err != nil {
		return n, fmt.Errorf("%w: an address", ErrForm)
	}
	cert, err := pgp.ParseCert(j.Cert)
	if err != nil {
		return n, fmt.Errorf("%w: a certificate", ErrForm)
	}
	if len(j.ListKey) != 32 {
		return n, fmt.Errorf("%w: a list key of 32 bytes", ErrForm)
	}
	if j.Profile != pgp.Compat && j.Profile != pgp.Modern {
		return n, fmt.Errorf("%w: a profile", ErrForm)
	}
	fixed, _ := mail.ParseAddress(i.Address)
	if i.Address != "" && fixed.Key() != addr.Key() {
		return n, ErrNotFound
	}
	if i.Attach {
		return n, d.sameOwner(ctx, j, i, cert)
	}
	switch {
	case !d.Book.Local(addr.Domain):
		return n, account.ErrDomain
	case i.Address == "" && account.Reserved(addr):
		return n, account.ErrReserved
	}
	if _, err := d.Book.Find(ctx, addr); !errors.Is(err, account.ErrUnknown) {
		return n, errors.Join(err, account.ErrTaken)
	}
	return account.New{Address: addr, Cert: cert, Profile: j.Profile, Level: pgp.Baseline, ListKey: j.ListKey, Quota: i.Quota, ID: j.ID}, nil
}

// sameOwner checks that a sign-in is attached to the account that the invitation is
// for, by who has its key.
func (d *Desk) sameOwner(ctx context.Context, j Joining, i Invitation, cert *pgp.Cert) error {
	a, err := d.Book.Account(ctx, i.Account)
	if err != nil {
		return err
	}
	own, err := pgp.ParseCert(a.Cert)
	if err != nil {
		return fmt.Errorf("read key of account %s: %w", a.ID, err)
	}
	if j.ID != a.ID || own.Fingerprint() != cert.Fingerprint() {
		return ErrNotFound
	}
	return nil
}

// Forget removes all that is kept of an account's sign-in.
func (d *Desk) Forget(ctx context.Context, id account.ID) error {
	d.start()
	if err := d.Store.Delete(ctx, id); err != nil {
		return fmt.Errorf("forget sign-in of account %s: %w", id, err)
	}
	d.failed.take(id)
	d.ended(id, []string{""}, nil)
	return nil
}

// ForgetFactors removes second factors, for an owner who lost them, and ends all
// sessions; also where what the node key sealed cannot be opened any more. The keyring
// stays: it opens by passphrase and kit as before, and not by passkey.
func (d *Desk) ForgetFactors(ctx context.Context, id account.ID) error {
	d.start()
	return account.Anew(ctx, func() (overtaken bool, err error) {
		r, err := d.Store.Record(ctx, id)
		if err != nil {
			return false, err
		}
		s := &state{id: id, revision: r.Revision + 1}
		if err := json.Unmarshal(r.Keys, &s.keys); err != nil {
			return false, fmt.Errorf("sign-in of account %s is damaged", id)
		}
		if old, err := d.decode(r); err == nil {
			s.History = old.History
		}
		before := len(s.Containers)
		maps.DeleteFunc(s.Containers, func(name string, _ []byte) bool { return strings.HasPrefix(name, passkeyName) })
		if len(s.Containers) < before {
			s.Version++
		}
		if r, err = d.encode(s); err != nil {
			return false, err
		}
		if err = d.Store.Put(ctx, r); errors.Is(err, ErrConflict) {
			return true, err
		}
		d.ended(id, []string{""}, nil)
		return false, err
	})
}

// WriteDown writes down what waits in memory: tries that failed.
func (d *Desk) WriteDown(ctx context.Context) error {
	d.start()
	var errs []error
	for _, id := range d.failed.accounts() {
		if _, err := d.change(ctx, id, func(*state) error { return nil }); err != nil && !errors.Is(err, ErrNone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Tidy writes down what waits in memory and removes what is over: invitations, sessions,
// and what a joining that was broken off left. Any number of nodes may do so.
func (d *Desk) Tidy(ctx context.Context) error {
	errs := []error{d.WriteDown(ctx)}
	rows, err := d.Store.Invitations(ctx)
	errs = append(errs, err)
	for _, r := range rows {
		if !d.Now().Before(r.Expires) {
			if err := d.Store.Uninvite(ctx, r.Token); err != nil && !errors.Is(err, ErrNone) {
				errs = append(errs, err)
			}
		}
	}
	ids, err := d.Store.Records(ctx)
	errs = append(errs, err)
	for _, id := range ids {
		errs = append(errs, d.tidyOne(ctx, id))
	}
	return errors.Join(errs...)
}

// joinTime is how long somebody may be between their record and their account, at any node.
const joinTime = time.Hour

// tidyNobody removes a record without an account, if nobody is just joining with it.
func (d *Desk) tidyNobody(ctx context.Context, id account.ID) error {
	r, err := d.Store.Record(ctx, id)
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	var k keys
	if err := json.Unmarshal(r.Keys, &k); err == nil && d.Now().Sub(k.Created) < joinTime {
		return nil
	}
	return d.Store.Delete(ctx, id)
}

func (d *Desk) tidyOne(ctx context.Context, id account.ID) error {
	if _, err := d.Book.Account(ctx, id); errors.Is(err, account.ErrUnknown) {
		return d.tidyNobody(ctx, id)
	}
	s, err := d.read(ctx, id)
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err == nil && slices.ContainsFunc(s.Sessions, func(one session) bool { return !d.Now().Before(one.Expires) }) {
		_, err = d.change(ctx, id, func(*state) error { return nil })
	}
	return err
}
