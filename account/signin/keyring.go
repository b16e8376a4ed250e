package signin

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"regexp"
	"time"

	"sealpost/account"
)

const (
	maxContainer  = 64 << 10 // bytes
	leastSize     = 8 + 1 + 32 + 32 + 16
	maxContainers = 40
	maxName       = 1400 // an id of a credential has up to 1,023 bytes
)

// names of containers. What wraps the master key for a passkey goes with the passkey.
var (
	containerName = regexp.MustCompile(`^(master\.(passphrase|kit|passkey\.[A-Za-z0-9_-]+)|openpgp\.([0-9A-F]{40}|[0-9A-F]{64})|list|secret)$`)
	lasting       = map[string]bool{"master.passphrase": true, "master.kit": true, "list": true, "secret": true}
)

const (
	passphraseName = "master.passphrase"
	kitName        = "master.kit"
	passkeyName    = "master.passkey."
)

// checkContainer looks at the outside: a container begins with the version of the
// keyring it was written as, so that a client can tell an old one.
func checkContainer(name string, c []byte, version uint64) error {
	if len(name) > maxName || !containerName.MatchString(name) {
		return fmt.Errorf("%w: the name of a container", ErrForm)
	}
	if len(c) < leastSize || len(c) > maxContainer || binary.BigEndian.Uint64(c) != version {
		return fmt.Errorf("%w: a container, or its version", ErrForm)
	}
	return nil
}

// put stores one container as the keyring's next version.
func (s *state) put(name string, c []byte, version uint64) error {
	if version != s.Version+1 {
		return ErrConflict
	}
	if err := checkContainer(name, c, version); err != nil {
		return err
	}
	if _, there := s.Containers[name]; !there && len(s.Containers) >= maxContainers {
		return ErrTooMany
	}
	s.Containers[name], s.Version = c, version
	return nil
}

// NewPassphrase is what a change of passphrase needs.
type NewPassphrase struct {
	Version   uint64
	Old       []byte // proof of the old passphrase, or of the kit
	Salt      []byte
	KDF       KDF
	Proof     []byte
	Container []byte
}

// ChangePassphrase wraps the master key for another passphrase. All other sessions
// end, and devices that wait to be let in are sent away: whoever knew the old one is
// out.
func (d *Desk) ChangePassphrase(ctx context.Context, c account.Caller, a account.Account, current string, n NewPassphrase) (Keyring, error) {
	d.start()
	if err := n.KDF.check(); err != nil {
		return Keyring{}, err
	}
	if len(n.Salt) != saltSize || len(n.Proof) != proofSize {
		return Keyring{}, fmt.Errorf("%w: a salt of 16 bytes, a proof of 32", ErrForm)
	}
	s, err := d.proven(ctx, c, a, n.Old, true, func(s *state) error {
		if err := s.put(passphraseName, n.Container, n.Version); err != nil {
			return err
		}
		s.Salt, s.KDF, s.Proof = n.Salt, n.KDF, hashOf(n.Proof)
		s.end(func(one *session) bool { return one.ID != current })
		s.refuseAll()
		return nil
	})
	if err != nil {
		return Keyring{}, err
	}
	return s.keyring(), nil
}

// NewKit is what a change of the recovery kit needs.
type NewKit struct {
	Version   uint64
	Proof     []byte // of the passphrase
	KitProof  []byte
	Container []byte
}

// ChangeKit wraps the master key for another kit. Sessions that the old kit began end.
func (d *Desk) ChangeKit(ctx context.Context, c account.Caller, a account.Account, current string, n NewKit) (Keyring, error) {
	d.start()
	if len(n.KitProof) != proofSize {
		return Keyring{}, fmt.Errorf("%w: a proof of 32 bytes", ErrForm)
	}
	s, err := d.proven(ctx, c, a, n.Proof, false, func(s *state) error {
		if err := s.put(kitName, n.Container, n.Version); err != nil {
			return err
		}
		s.KitProof = hashOf(n.KitProof)
		s.end(func(one *session) bool { return one.How == ByKit && one.ID != current })
		return nil
	})
	if err != nil {
		return Keyring{}, err
	}
	return s.keyring(), nil
}

// NewKey is what a change of the owner's OpenPGP key needs.
type NewKey struct {
	Version   uint64
	Proof     []byte // of the passphrase
	Name      string // of the container
	Container []byte // nil: the secret key is kept elsewhere
}

// ChangeKey stores the owner's secret key as it is from now on, and then publishes its
// certificate: in this order, so that no mail is ever sealed to a key that is nowhere. No
// session ends.
func (d *Desk) ChangeKey(ctx context.Context, c account.Caller, a account.Account, n NewKey, publish func(context.Context) error) (Keyring, error) {
	d.start()
	s, err := d.proven(ctx, c, a, n.Proof, false, func(s *state) error {
		if n.Container == nil {
			return nil
		}
		return s.put(n.Name, n.Container, n.Version)
	})
	if err != nil {
		return Keyring{}, err
	}
	if err := publish(ctx); err != nil {
		return Keyring{}, fmt.Errorf("publish the certificate: %w", err)
	}
	return s.keyring(), nil
}

// proven changes what a session alone may not: the passphrase is asked again (or, where
// kit is set, the kit), as slowly as at the door.
func (d *Desk) proven(ctx context.Context, c account.Caller, a account.Account, proof []byte, kit bool, edit func(*state) error) (s *state, err error) {
	err = d.door().Try(ctx, c, a.Addresses[0].String(), func() error {
		start := time.Now()
		s, err = d.change(ctx, a.ID, func(s *state) error {
			hash := hashOf(proof)
			fits := subtle.ConstantTimeCompare(hash, s.Proof)
			if kit {
				fits |= subtle.ConstantTimeCompare(hash, s.KitProof)
			}
			if fits != 1 {
				return ErrSignIn
			}
			return edit(s)
		})
		if err != nil {
			account.OnTick(ctx, start)
		}
		return err
	})
	return s, err
}

// PutContainer stores a container that needs no proof of its own: a key of the owner's.
func (d *Desk) PutContainer(ctx context.Context, id account.ID, name string, version uint64, container []byte) (Keyring, error) {
	d.start()
	if name == passphraseName || name == kitName || len(name) > len(passkeyName) && name[:len(passkeyName)] == passkeyName {
		return Keyring{}, fmt.Errorf("%w: this container is changed in a way of its own", ErrForm)
	}
	s, err := d.change(ctx, id, func(s *state) error { return s.put(name, container, version) })
	if err != nil {
		return Keyring{}, err
	}
	return s.keyring(), nil
}

// DeleteContainer removes one that nothing depends on: keep is the container of the
// key that mail is sealed to now.
func (d *Desk) DeleteContainer(ctx context.Context, id account.ID, name, keep string, version uint64) (Keyring, error) {
	d.start()
	s, err := d.change(ctx, id, func(s *state) error {
		if _, there := s.Containers[name]; !there {
			return ErrNotFound
		}
		if version != s.Version+1 {
			return ErrConflict
		}
		if lasting[name] || name == keep {
			return fmt.Errorf("%w: what this container opens would be lost", ErrForm)
		}
		delete(s.Containers, name)
		s.Version = version
		return nil
	})
	if err != nil {
		return Keyring{}, err
	}
	return s.keyring(), nil
}
