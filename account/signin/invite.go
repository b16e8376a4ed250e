package signin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/account"
	"sealpost/mail"
)

const (
	// InvitationTime is how long an invitation is good, unless its maker says otherwise.
	InvitationTime = 7 * 24 * time.Hour
	longestTime    = 90 * 24 * time.Hour
	maxInvitations = 10_000
)

// Invitation lets somebody open an account, or gives an account that exists a sign-in.
type Invitation struct {
	ID      string // 16 hex digits, of its token's hash
	Address string // empty: the invited chooses
	Account account.ID
	Attach  bool // to Account
	Quota   int64
	Created time.Time
	Expires time.Time
}

// invitedRow is the JSON of an invitation, sealed. Its names are the format.
type invitedRow struct {
	Address string     `json:"address,omitempty"`
	Account account.ID `json:"account,omitempty"`
	Quota   int64      `json:"quota,omitempty"`
	Created time.Time  `json:"created"`
}

// Invite makes an invitation and gives its token, this once. An address that has an
// account gets a sign-in for it, if attach says so, and fails with account.ErrTaken
// otherwise.
func (d *Desk) Invite(ctx context.Context, address string, attach bool, quota int64, lasting time.Duration) (token string, i Invitation, err error) {
	d.start()
	if lasting <= 0 || lasting > longestTime {
		return "", i, fmt.Errorf("%w: an invitation is good for up to 90 days", ErrForm)
	}
	i = Invitation{Attach: attach, Quota: quota, Created: d.Now().UTC().Truncate(time.Second)}
	i.Expires = i.Created.Add(lasting)
	if err := d.address(ctx, address, &i); err != nil {
		return "", i, err
	}
	all, err := d.Invitations(ctx)
	if err != nil {
		return "", i, err
	}
	if len(all) >= maxInvitations {
		return "", i, ErrTooMany
	}
	plain, err := json.Marshal(invitedRow{i.Address, i.Account, i.Quota, i.Created})
	if err != nil {
		return "", i, fmt.Errorf("encode invitation: %w", err)
	}
	secret := random(32)
	t := TokenOf(secret)
	i.ID = hex.EncodeToString(t[:8])
	if err := d.Store.Invite(ctx, Invited{t, i.Expires, d.Key.Seal(purposeInvite, hex.EncodeToString(t[:]), plain)}); err != nil {
		return "", i, fmt.Errorf("store invitation: %w", err)
	}
	return encodeSecret(secret), i, nil
}

// address checks whom an invitation is for.
func (d *Desk) address(ctx context.Context, address string, i *Invitation) error {
	if address == "" {
		if i.Attach {
			return fmt.Errorf("%w: which account shall get a sign-in", ErrForm)
		}
		return nil
	}
	addr, err := mail.ParseAddress(address)
	if err != nil {
		return fmt.Errorf("%w: an address", ErrForm)
	}
	if !d.Book.Local(addr.Domain) {
		return account.ErrDomain
	}
	a, err := d.Book.Find(ctx, addr)
	switch {
	case errors.Is(err, account.ErrUnknown) && !i.Attach:
		i.Address = addr.String()
		return d.Book.NeverOwned(ctx, addr)
	case err != nil:
		return err
	case !i.Attach:
		return account.ErrTaken
	}
	if there, err := d.Has(ctx, a.ID); err != nil || there {
		return errors.Join(err, account.ErrTaken)
	}
	i.Address, i.Account = a.Addresses[0].String(), a.ID
	return nil
}

func (d *Desk) invitation(r Invited) (Invitation, error) {
	plain, err := d.Key.Open(purposeInvite, hex.EncodeToString(r.Token[:]), r.Sealed)
	if err != nil {
		return Invitation{}, fmt.Errorf("open invitation: %w", err)
	}
	var row invitedRow
	if err := json.Unmarshal(plain, &row); err != nil {
		return Invitation{}, errors.New("an invitation is damaged")
	}
	return Invitation{
		ID: hex.EncodeToString(r.Token[:8]), Address: row.Address, Account: row.Account, Attach: row.Account != "",
		Quota: row.Quota, Created: row.Created, Expires: r.Expires,
	}, nil
}

// Invitations lists those that are good, the newest first.
func (d *Desk) Invitations(ctx context.Context) ([]Invitation, error) {
	rows, err := d.Store.Invitations(ctx)
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	var all []Invitation
	for _, r := range rows {
		if !d.Now().Before(r.Expires) {
			continue
		}
		i, err := d.invitation(r)
		if err != nil {
			d.Log.Error("an invitation cannot be read", "error", err)
			continue
		}
		all = append(all, i)
	}
	slices.SortStableFunc(all, func(a, b Invitation) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// Uninvite takes an invitation back, by its id.
func (d *Desk) Uninvite(ctx context.Context, id string) error {
	rows, err := d.Store.Invitations(ctx)
	if err != nil {
		return fmt.Errorf("list invitations: %w", err)
	}
	for _, r := range rows {
		if hex.EncodeToString(r.Token[:8]) == id {
			return d.Store.Uninvite(ctx, r.Token)
		}
	}
	return ErrNotFound
}

// Invited reads the invitation of a token, or fails with ErrNotFound.
func (d *Desk) Invited(ctx context.Context, c account.Caller, token string) (i Invitation, err error) {
	d.start()
	if wait := d.newcomer.Allow(c.Host, "invitation"); wait > 0 {
		return i, account.ErrSlowDown
	}
	i, _, err = d.invited(ctx, token)
	if err == nil {
		d.newcomer.Succeeded(c.Host, "invitation")
	}
	return i, err
}

func (d *Desk) invited(ctx context.Context, token string) (i Invitation, row Invited, err error) {
	secret, ok := decodeSecret(token)
	if !ok {
		return i, row, ErrNotFound
	}
	row, err = d.Store.Invitation(ctx, TokenOf(secret))
	if errors.Is(err, ErrNone) || err == nil && !d.Now().Before(row.Expires) {
		return i, row, ErrNotFound
	}
	if err != nil {
		return i, row, fmt.Errorf("read invitation: %w", err)
	}
	i, err = d.invitation(row)
	return i, row, err
}
